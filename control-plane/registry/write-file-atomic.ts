/** Writes a file so that a reader sees the old text or the new one, never a part. */
import { randomBytes } from "node:crypto";
import { renameSync, statSync } from "node:fs";
import { open, readdir, readlink, stat, unlink } from "node:fs/promises";
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

/** Name of one state of a file: any change of it, by rename or in place, gives another one. */
export function fileState(path: string): string {
	const found = statSync(path, { bigint: true, throwIfNoEntry: false });
	return found === undefined ? "" : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

/**
 * Replaces the file's text: a temporary file in the same folder, fsync, rename. A symlink stays, its target is
 * replaced; mode and owner are kept (0644 for a new file), the owner as far as the system lets us. Throws what the file
 * system says; leaves no temporary file, and removes what a writer that was killed has left.
 * @param expected The {@link fileState} that the text was made for; when the file has another one by the time of the
 * rename, nothing is written and the answer is false.
 */
export async function writeFileAtomic(path: string, text: string, expected?: string): Promise<boolean> {
	const file = await target(path);
	const before = await stat(file).catch(() => undefined);
	const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.tmp`);
	const handle = await open(temporary, "wx", before === undefined ? 0o644 : 0o600);
	try {
		try {
			if (before !== undefined) {
				const mine = await handle.stat();
				// Only root may give a file away; others go on with what they can do.
				if (mine.uid !== before.uid || mine.gid !== before.gid) {
					await handle.chown(before.uid, before.gid).catch(() => {});
				}
				await handle.chmod(before.mode & 0o7777);
			}
			await handle.writeFile(text);
			await handle.sync();
		} finally {
			await handle.close();
		}
		// Nothing can come between these two but another process, for some microseconds.
		const isExpected = expected === undefined || fileState(path) === expected;
		if (isExpected) renameSync(temporary, file);
		else await unlink(temporary);
		await removeLeftovers(file).catch(() => {});
		return isExpected;
	} catch (error) {
		await unlink(temporary).catch(() => {});
		throw error;
	}
}

/** Longer than any write takes: a younger file may be somebody's who writes just now. */
const LEFT_AFTER_MS = 60_000;

async function removeLeftovers(file: string): Promise<void> {
	const prefix = `.${basename(file)}.`;
	for (const name of await readdir(dirname(file))) {
		if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
		const path = join(dirname(file), name);
		const { mtimeMs } = await stat(path);
		if (Date.now() - mtimeMs > LEFT_AFTER_MS) await unlink(path);
	}
}
