import {
	chmod,
	lstat,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rm,
	stat,
	symlink,
	utimes,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "../../../control-plane/registry/write-file-atomic.ts";

let folder: string;
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "registry-write-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("writes a new file, keeps a file's mode, follows a symlink", async () => {
	const file = join(folder, "real", "r.yaml");
	const link = join(folder, "r.yaml");
	await mkdir(join(folder, "real"));
	await symlink("real/r.yaml", link);
	await writeFileAtomic(link, "one");
	await chmod(file, 0o600);
	await writeFileAtomic(link, "two");
	expect(await readFile(file, "utf8")).toBe("two");
	expect((await stat(file)).mode & 0o777).toBe(0o600);
	expect((await lstat(link)).isSymbolicLink()).toBe(true);
	expect(await readdir(join(folder, "real"))).toEqual(["r.yaml"]);
});

test("a failure leaves the old file and no temporary one", async () => {
	await mkdir(join(folder, "r.yaml"));
	await writeFile(join(folder, "r.yaml", "x"), "");
	await expect(writeFileAtomic(join(folder, "r.yaml"), "two")).rejects.toThrow();
	expect(await readdir(folder)).toEqual(["r.yaml"]);
	await expect(writeFileAtomic(join(folder, "none", "r.yaml"), "two")).rejects.toThrow("ENOENT");
});

test("what a killed writer has left goes with the next write, and nothing else", async () => {
	const names = [".r.yaml.0123456789ab.tmp", ".r.yaml.ba9876543210.tmp", ".other.0123456789ab.tmp", ".r.yaml.mine.tmp"];
	for (const name of names) await writeFile(join(folder, name), "");
	for (const name of names.toSpliced(1, 1)) await utimes(join(folder, name), 0, 0);
	await writeFileAtomic(join(folder, "r.yaml"), "one");
	expect(new Set(await readdir(folder))).toEqual(new Set(["r.yaml", ...names.slice(1)]));
});
