/**
 * The images of the cluster tests, built from the Dockerfiles that users build from, and kept in `.cache/images` by what
 * they are made of. `node test/cluster/images.ts` only builds: for machines whose cluster has no way out.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ENVOY_VERSION } from "../../envoy/version.ts";
import { bundle } from "../../stdio-bridge/image/bundle.ts";
import { ROOT } from "../support/process.ts";
import { type BuildOptions, findBuilder } from "./support/builder.ts";

const built = ["gateway", "envoy", "bridge", "examples", "http", "python", "bare"] as const;
const names = [...built, "earlierGateway", "earlierBridge"] as const;

export type ImageName = (typeof names)[number];

/** What the `earlier` images say that they are. */
export const EARLIER_VERSION = "0.0.9";

/** Images that differ from those of this checkout by the version that they tell: what each is made from, and the file. */
const earlier = {
	earlierGateway: { from: "gateway", file: "/app/package.json", type: "module" },
	earlierBridge: { from: "bridge", file: "/mcp-bridge/package.json", type: "commonjs" },
} as const;
type EarlierName = keyof typeof earlier;
const isEarlier = (name: ImageName): name is EarlierName => Object.hasOwn(earlier, name);

/** An image as pods name it, and the docker-archive that it can be loaded from. */
export interface Image {
	readonly reference: string;
	readonly tar: string;
}

export type Images = Readonly<Record<ImageName, Image>>;

const cache = join(ROOT, ".cache/images");
/** Another run may be loading what this one has no use for. */
const keptMs = 6 * 3600 * 1000;
const folder = join(ROOT, "test/cluster/images");
const bridgeSources = [".dockerignore", "package-lock.json", "package.json", "control-plane", "envoy", "stdio-bridge"];
const gatewaySources = [...bridgeSources, "charts/mcp-server", "charts/github-server", "docs/examples"];
/** Not built but taken as it is, since it is what users run. */
const envoyImage = `docker.io/envoyproxy/envoy:v${ENVOY_VERSION}`;
const exampleServers = "docs/examples/docker/servers";
const serverSources = ["test/cluster/images", "stdio-bridge/image/bundle.ts", "package-lock.json"];

/** All images, those that are missing built; `say` hears what is being done. */
export async function buildImages(say: (line: string) => void): Promise<Images> {
	await mkdir(cache, { recursive: true });
	const servers = await hashOf(serverSources);
	const tags: Readonly<Record<(typeof built)[number], string>> = {
		gateway: await hashOf(gatewaySources),
		bridge: await hashOf(bridgeSources),
		envoy: ENVOY_VERSION,
		examples: await hashOf([exampleServers]),
		...{ http: servers, python: servers, bare: servers },
	};
	const image = (name: ImageName): Image => {
		if (isEarlier(name)) {
			const { from } = earlier[name];
			const tag = `${EARLIER_VERSION}-${tags[from]}`;
			return { reference: `localhost/mcp-test-${from}:${tag}`, tar: join(cache, `${name}-${tag}.tar`) };
		}
		const tag = tags[name];
		const reference = name === "envoy" ? envoyImage : `localhost/mcp-test-${name}:${tag}`;
		return { reference, tar: join(cache, `${name}-${tag}.tar`) };
	};
	const images = Object.fromEntries(names.map((name) => [name, image(name)])) as Record<ImageName, Image>;
	for (const name of names) if (!existsSync(images[name].tar)) await build(name, images, say);
	return images;
}

async function build(name: ImageName, images: Images, say: (line: string) => void): Promise<void> {
	const { reference, tar } = images[name];
	const begun = performance.now();
	const builder = await findBuilder();
	say(`Building ${reference} with ${builder.name} ...`);
	if (name === "envoy") await builder.fetch(reference);
	else {
		// The archive of what an earlier image is made from may outlive the builder's own copy.
		if (isEarlier(name)) await builder.build(await buildOf(earlier[name].from, images));
		const options = await buildOf(name, images);
		await builder.build(options);
		if (options.context.startsWith(cache)) await rm(options.context, { recursive: true });
	}
	const partial = `${tar}.${process.pid}`;
	await rm(partial, { force: true });
	await builder.save(reference, partial);
	for (const old of await readdir(cache)) {
		if (!old.startsWith(`${name}-`)) continue;
		const { mtimeMs } = await stat(join(cache, old));
		if (Date.now() - mtimeMs > keptMs) await rm(join(cache, old));
	}
	await rename(partial, tar);
	say(`Built ${reference} in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}

async function buildOf(name: Exclude<ImageName, "envoy">, images: Images): Promise<BuildOptions> {
	const { reference } = images[name];
	if (isEarlier(name)) {
		const context = await earlierContext(name, images);
		return { context, file: join(context, "Dockerfile"), reference };
	}
	if (name === "gateway") return { context: ROOT, file: join(ROOT, "control-plane/Dockerfile"), reference };
	if (name === "bridge") return { context: ROOT, file: join(ROOT, "stdio-bridge/Dockerfile"), reference };
	if (name === "examples") {
		const context = join(ROOT, exampleServers);
		return { context, file: join(context, "Dockerfile"), reference };
	}
	const context = await serverContext();
	return { context, file: join(context, "Dockerfile"), reference, target: name };
}

async function serverContext(): Promise<string> {
	const context = await mkdtemp(join(cache, "context-"));
	await bundle(join(folder, "http.ts"), join(context, "http.cjs"));
	for (const name of ["Dockerfile", "stdio.py", "bare.sh", "fail.sh"]) {
		await copyFile(join(folder, name), join(context, name));
	}
	return context;
}

async function earlierContext(name: EarlierName, images: Images): Promise<string> {
	const { from, file, type } = earlier[name];
	const context = await mkdtemp(join(cache, "context-"));
	await writeFile(join(context, "Dockerfile"), `FROM ${images[from].reference}\nCOPY package.json ${file}\n`);
	await writeFile(
		join(context, "package.json"),
		JSON.stringify({ name: "mcp-gateway", version: EARLIER_VERSION, type }),
	);
	return context;
}

/** Twelve hex digits that change with any file at these paths. */
async function hashOf(paths: readonly string[]): Promise<string> {
	const hash = createHash("sha256");
	for (const path of paths) {
		const found = await readdir(join(ROOT, path), { recursive: true, withFileTypes: true }).catch(() => undefined);
		const files = found?.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
		for (const file of (files ?? [join(ROOT, path)]).sort()) {
			hash.update(`${file.slice(ROOT.length)}\0`).update(await readFile(file));
		}
	}
	return hash.digest("hex").slice(0, 12);
}

if (import.meta.main) await buildImages((line) => console.log(line));
