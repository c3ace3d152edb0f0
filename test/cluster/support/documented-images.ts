/** The images that the documentation names, as the cluster knows them: those of the tests under another name. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../../control-plane/cli/version.ts";
import { runTool } from "../../support/install-once.ts";
import { buildImages, type ImageName } from "../images.ts";
import { loadTar } from "./load-images.ts";

/** Names in the documentation and in compose.yaml. */
const names: Readonly<Record<string, ImageName>> = {
	[`mcp-gateway:${version()}`]: "gateway",
	[`mcp-gateway-bridge:${version()}`]: "bridge",
	[`mcp-gateway-examples:${version()}`]: "examples",
};

/** Loads all of them into the cluster, where they may replace those of an earlier run. */
export async function loadDocumentedImages(): Promise<void> {
	const images = await buildImages(() => {});
	for (const [reference, name] of Object.entries(names)) await loadAs(images[name].tar, reference);
}

/** Loads a docker-archive with another name for its one image. */
async function loadAs(tar: string, reference: string): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "renamed-image-"));
	try {
		const files = join(folder, "files");
		await runTool("mkdir", [files]);
		await runTool("tar", ["-xf", tar, "-C", files]);
		const manifest: readonly object[] = JSON.parse(await readFile(join(files, "manifest.json"), "utf8"));
		const renamed = manifest.map((image) => ({ ...image, RepoTags: [reference] }));
		await writeFile(join(files, "manifest.json"), JSON.stringify(renamed));
		// Of an older form of archives; it would bring the old name back.
		await rm(join(files, "repositories"), { force: true });
		const archive = join(folder, "image.tar");
		await runTool("tar", ["-cf", archive, "-C", files, "."]);
		await loadTar(archive);
	} finally {
		await rm(folder, { recursive: true });
	}
}
