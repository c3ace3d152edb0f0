import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createFileSource } from "../../../control-plane/sources/file-source.ts";
import type { RegistrySource, SourceState } from "../../../control-plane/sources/registry-source.ts";

let folder: string;
let file: string;
let source: RegistrySource | undefined;
let states: SourceState[];

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "registry-source-"));
	file = join(folder, "r.yaml");
	states = [];
});
afterEach(async () => {
	await source?.close();
	source = undefined;
	await rm(folder, { recursive: true, force: true });
});

// Polling is out of the way, so that it is the events which are tested.
async function start(path = file, pollMs = 1_000_000) {
	const made = await createFileSource({ path, pollMs });
	made.subscribe((state) => states.push(state));
	source = made;
	return made;
}
const text = (...ids: string[]) => ids.map((id) => `${id}: {cmd: [${id}]}\n`).join("");
const ids = (state: SourceState) => [...(state.registry?.servers.keys() ?? [])].join();
const until = (made: RegistrySource, wanted: string) =>
	vi.waitFor(() => expect(ids(made.state)).toBe(wanted), { interval: 2, timeout: 30_000 });

test("the first read is done when the source is there", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	expect(ids(made.state)).toBe("a");
	expect(made.state.errors).toEqual([]);
	expect(made.state.loadedAt).toBeGreaterThan(0);
});

test("atomic renames, again and again", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	for (const id of ["b", "c", "d"]) {
		await writeFile(`${file}.new`, text("a", id));
		await rename(`${file}.new`, file);
		await until(made, `a,${id}`);
	}
	expect(states.map(ids)).toEqual(["a,b", "a,c", "a,d"]);
	expect(states[0]?.registry?.servers.get("a")).toBe(states[2]?.registry?.servers.get("a"));
});

test("writing in place, whole and in parts", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	await writeFile(file, text("b"));
	await until(made, "b");
	await appendFile(file, "c:");
	await appendFile(file, " {cmd: [c]}\n");
	await until(made, "b,c");
	expect(states.map(ids)).not.toContain("");
});

test("Kubernetes' swap of ..data", async () => {
	const mount = join(folder, "mount");
	const publish = async (version: string, content: string) => {
		await mkdir(join(mount, version), { recursive: true });
		await writeFile(join(mount, version, "r.yaml"), content);
		await symlink(version, join(mount, "..data_tmp"));
		await rename(join(mount, "..data_tmp"), join(mount, "..data"));
	};
	await publish("..1", text("a"));
	await symlink("..data/r.yaml", join(mount, "r.yaml"));
	const made = await start(join(mount, "r.yaml"));
	for (const version of ["2", "3"]) {
		await publish(`..${version}`, text(`v${version}`));
		await until(made, `v${version}`);
	}
	await writeFile(join(mount, "..3", "r.yaml"), text("in-place"));
	await until(made, "in-place");
});

test("a folder on the way that is a symlink and is swapped", async () => {
	for (const version of ["one", "two"]) {
		await mkdir(join(folder, version));
		await writeFile(join(folder, version, "r.yaml"), text(version));
	}
	await symlink("one", join(folder, "current"));
	const made = await start(join(folder, "current", "r.yaml"));
	expect(ids(made.state)).toBe("one");
	await symlink("two", join(folder, "next"));
	await rename(join(folder, "next"), join(folder, "current"));
	await until(made, "two");
});

test("a missing file is an error, and is read once it is there", async () => {
	const made = await start();
	expect(made.state.registry).toBeUndefined();
	expect(made.state.errors).toMatchObject([
		{ file, line: 1, col: 1, message: expect.stringContaining("does not exist") },
	]);
	await writeFile(file, text("a"));
	await until(made, "a");
	expect(made.state.errors).toEqual([]);
});

test("a missing folder is found when it is made", async () => {
	const made = await start(join(folder, "x", "y", "r.yaml"));
	await mkdir(join(folder, "x", "y"), { recursive: true });
	await writeFile(join(folder, "x", "y", "r.yaml"), text("a"));
	await until(made, "a");
});

test("deleting keeps the last good registry; recreating goes on", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	await unlink(file);
	await vi.waitFor(() => expect(made.state.errors).toHaveLength(1), { timeout: 30_000 });
	expect(ids(made.state)).toBe("a");
	await writeFile(file, text("b"));
	await until(made, "b");
	expect(made.state.errors).toEqual([]);
});

test("bad, then the good one of before, then another", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	const { registry, loadedAt } = made.state;
	await writeFile(file, "a: {cmd: []}\n");
	await vi.waitFor(() => expect(made.state.errors).toHaveLength(1), { timeout: 30_000 });
	expect(made.state.registry).toBe(registry);
	await writeFile(file, text("a"));
	await vi.waitFor(() => expect(made.state.errors).toEqual([]), { timeout: 30_000 });
	expect(made.state).toEqual({ registry, loadedAt, errors: [] });
	await writeFile(file, text("b"));
	await until(made, "b");
});

test("the same content again changes nothing; reload reads at once", async () => {
	await writeFile(file, text("a"));
	const made = await start();
	await utimes(file, new Date(), new Date());
	await writeFile(`${file}.new`, text("a"));
	await rename(`${file}.new`, file);
	await made.reload();
	expect(states).toEqual([]);
	await writeFile(`${file}.new`, text("b"));
	await rename(`${file}.new`, file);
	await made.reload();
	expect(ids(made.state)).toBe("b");
});

test("a folder, bytes that are not UTF-8", async () => {
	const made = await start(folder);
	expect(made.state.errors[0]?.message).toContain("is a folder");
	await made.close();
	await writeFile(file, Uint8Array.of(0xff, 0xfe, 0x61));
	expect((await start()).state.errors[0]?.message).toContain("not UTF-8");
});

test("a folder that is replaced is found by polling", async () => {
	const inner = join(folder, "inner");
	await mkdir(inner);
	await writeFile(join(inner, "r.yaml"), text("a"));
	const made = await start(join(inner, "r.yaml"), 20);
	await mkdir(join(folder, "other"));
	await writeFile(join(folder, "other", "r.yaml"), text("b"));
	await rename(inner, join(folder, "old"));
	await rename(join(folder, "other"), inner);
	await until(made, "b");
	await writeFile(join(inner, "r.yaml"), text("c"));
	await until(made, "c");
});

test("a listener that throws harms no other; unsubscribing and closing end it", async () => {
	await writeFile(file, text("a"));
	const made = await createFileSource({ path: file });
	made.subscribe(() => {
		throw new Error("mine");
	});
	const end = made.subscribe((state) => states.push(state));
	await writeFile(file, text("b"));
	await vi.waitFor(() => expect(states).toHaveLength(1), { timeout: 30_000 });
	end();
	await writeFile(file, text("c"));
	await until(made, "c");
	expect(states).toHaveLength(1);
	const before = process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length;
	await made.close();
	expect(made.state.registry).toBeDefined();
	await vi.waitFor(
		() =>
			expect(process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length).toBeLessThanOrEqual(
				before,
			),
		{ timeout: 30_000 },
	);
	await writeFile(file, text("d"));
	await made.reload();
	expect(ids(made.state)).toBe("c");
});
