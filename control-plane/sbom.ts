/**
 * What an image holds, as a software bill of materials: `node control-plane/sbom.ts FILE` in the build of an image, with
 * `--only FILE` where a bundle takes but some of the packages, and `--debian NAME...` where the image is no Debian.
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** An npm package of package-lock.json that runs in an image. */
export interface NpmPackage {
	readonly name: string;
	readonly version: string;
	/** As its package.json says, an SPDX expression. */
	readonly licence: string;
	/** SHA-512 in base 64. */
	readonly integrity: string;
}

/** What else an image holds. */
export interface Contents {
	readonly packages: readonly NpmPackage[];
	/** Version of Node, without `v`. */
	readonly node: string;
	/** Debian packages, name and version. */
	readonly debian: readonly (readonly [string, string])[];
}

interface Lock {
	readonly version: string;
	readonly packages: Readonly<Record<string, LockEntry>>;
}

interface LockEntry {
	readonly version: string;
	readonly license?: string;
	readonly integrity?: string;
	readonly dev?: boolean;
}

/**
 * The packages that `npm ci --omit=dev` installs, by name, each version once. `npm sbom --omit dev` leaves out what
 * development needs too. The package `node` is none of them: it is for machines, images have a Node of their own.
 */
export function packagesOf(lockText: string): NpmPackage[] {
	const { packages } = JSON.parse(lockText) as Lock;
	const found = new Map<string, NpmPackage>();
	for (const [path, { version, license: licence, integrity = "", dev }] of Object.entries(packages)) {
		const name = packageOf(path);
		if (name === undefined || dev === true || name === "node" || name.startsWith("node-bin-")) continue;
		if (licence === undefined) throw new Error(`package-lock.json does not say the licence of ${name}`);
		found.set(`${name}@${version}`, { name, version, licence, integrity: integrity.replace("sha512-", "") });
	}
	return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
}

/** The package that a path in some `node_modules` belongs to. */
export function packageOf(path: string): string | undefined {
	return /.*(?:^|[\\/])node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path)?.[1]?.replace("\\", "/");
}

/** In CycloneDX: https://cyclonedx.org/docs/1.6/json/ */
export function sbomOf({ packages, node, debian }: Contents, version: string): object {
	const library = (name: string, its: string, purl: string, more: object = {}) => ({
		type: "library",
		"bom-ref": purl,
		name,
		version: its,
		purl,
		...more,
	});
	return {
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		serialNumber: `urn:uuid:${randomUUID()}`,
		version: 1,
		metadata: {
			timestamp: new Date().toISOString(),
			component: { type: "application", "bom-ref": "mcp-gateway", name: "mcp-gateway", version },
		},
		components: [
			...packages.map(({ name, version: its, licence, integrity }) =>
				library(name, its, `pkg:npm/${name.replace("@", "%40")}@${its}`, {
					licenses: [{ expression: licence }],
					hashes: [{ alg: "SHA-512", content: Buffer.from(integrity, "base64").toString("hex") }],
				}),
			),
			library("node", node, `pkg:generic/node@${node}`, { licenses: [{ license: { id: "MIT" } }] }),
			...debian.map(([name, its]) => library(name, its, `pkg:deb/debian/${name}@${encodeURIComponent(its)}`)),
		],
	};
}

function debianPackages(names: readonly string[]): (readonly [string, string])[] {
	// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own notation
	const said = execFileSync("dpkg-query", ["--show", "--showformat", "${Package} ${Version}\n", ...names]).toString();
	return said.split("\n").flatMap((line) => {
		const [name, version] = line.split(" ");
		return name && version ? [[name, version] as const] : [];
	});
}

if (import.meta.main) {
	const { values, positionals } = parseArgs({
		options: { only: { type: "string" }, debian: { type: "string", multiple: true, default: [] } },
		allowPositionals: true,
	});
	const lockText = readFileSync("package-lock.json", "utf8");
	const only = values.only === undefined ? undefined : (JSON.parse(readFileSync(values.only, "utf8")) as string[]);
	const packages = packagesOf(lockText).filter(({ name }) => only === undefined || only.includes(name));
	const contents = { packages, node: process.versions.node, debian: debianPackages(values.debian) };
	writeFileSync(
		positionals[0] ?? "sbom.cdx.json",
		JSON.stringify(sbomOf(contents, (JSON.parse(lockText) as Lock).version)),
	);
}
