import { existsSync } from "node:fs";
import { run } from "../../../envoy/run.ts";

export interface BuildOptions {
	readonly context: string;
	/** The Dockerfile. */
	readonly file: string;
	/** Name and tag. */
	readonly reference: string;
	/** Stage of the Dockerfile; left out: the last. */
	readonly target?: string;
}

/** What builds images on this machine. */
export interface Builder {
	readonly name: "docker" | "buildah";
	/** @throws Error with all that the builder said. */
	build(options: BuildOptions): Promise<void>;
	/** Gets an image of somebody else, where it is not here already. */
	fetch(reference: string): Promise<void>;
	/** Writes an image as a docker-archive, which clusters load. */
	save(reference: string, tar: string): Promise<void>;
}

/** Authorities beside the public ones, for registries behind a proxy that has its own. */
const authorities = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]
	.map((name) => process.env[name])
	.concat("/etc/ssl/certs/ca-certificates.crt")
	.find((file) => file !== undefined && existsSync(file));

/** The first of docker and buildah that works here. @throws Error where neither does. */
export async function findBuilder(): Promise<Builder> {
	if (await works("docker", ["info"])) {
		return {
			name: "docker",
			build: (options) => tool("docker", ["build", ...buildArgs(options)]),
			fetch: (reference) => tool("docker", ["pull", "-q", reference]),
			save: (reference, tar) => tool("docker", ["save", "-o", tar, reference]),
		};
	}
	if (await works("buildah", ["--version"])) {
		// chroot needs no runtime and no privilege beyond the storage's.
		const env = { BUILDAH_ISOLATION: "chroot", ...process.env };
		return {
			name: "buildah",
			build: (options) => tool("buildah", ["bud", "--layers", ...buildArgs(options)], env),
			fetch: async (reference) => {
				if (!(await works("buildah", ["inspect", "--type", "image", reference]))) {
					await tool("buildah", ["pull", "-q", reference], env);
				}
			},
			save: (reference, tar) => tool("buildah", ["push", "-q", reference, `docker-archive:${tar}:${reference}`], env),
		};
	}
	throw new Error("The images are built with docker or buildah, and neither of them works on this machine.");
}

function buildArgs({ context, file, reference, target }: BuildOptions): string[] {
	return [
		...["-f", file, "-t", reference],
		...(target === undefined ? [] : ["--target", target]),
		...(authorities === undefined ? [] : ["--secret", `id=ca,src=${authorities}`]),
		context,
	];
}

const works = (program: string, args: string[]) =>
	run(program, args, { timeoutMs: 20_000 }).then(
		({ code }) => code === 0,
		() => false,
	);

async function tool(program: string, args: string[], env = process.env): Promise<void> {
	const { code, stdout, stderr } = await run(program, args, { timeoutMs: 900_000, env });
	if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with code ${code}:\n${stdout}${stderr}`);
}
