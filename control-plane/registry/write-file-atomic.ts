/** Writes a file so that a reader sees the old text or the new one, never a part. */
import { randomBytes } from "node:crypto";
import { open, readlink, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** The file that a path leads to through symlinks; it need not exist yet. */
async function target(path: string): Promise<string> {
	let at = resolve(path);
	// As many as Linux follows (path_resolution(7)).
	for (let links = 0; links < 40; links++) {
		const next = await readlink(at).catch(() => undefined);
		if (next === undefined) return at;
		at = resolve(dirname(at), next);
	}
	throw new Error(`${path}: too many symbolic links`);
}

/**
 * Replaces the file's text: a temporary file in the same folder, fsync, rename. A symlink stays, its target is
 * replaced; the mode is kept (0644 for a new file). Throws what the file system says; leaves no temporary file.
 */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
	const file = await target(path);
	const mode = await stat(file).then(
		(found) => found.mode & 0o7777,
		() => undefined,
	);
	const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.tmp`);
	const handle = await open(temporary, "wx", 0o644);
	try {
		try {
			if (mode !== undefined) await handle.chmod(mode);
			await handle.writeFile(text);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(temporary, file);
	} catch (error) {
		await unlink(temporary).catch(() => {});
		throw error;
	}
}
