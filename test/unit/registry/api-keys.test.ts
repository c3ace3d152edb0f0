// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
	firstPlainKey,
	joinApiKeys,
	keyNameProblem,
	readApiKeys,
	unknownServers,
} from "../../../control-plane/registry/api-keys.ts";

const one = "0123456789abcdef";
const two = "fedcba987654321-two";
const sha = (key: string) => createHash("sha256").update(key).digest("hex");
const deps = {
	env: { KEY_ONE: one, SHORT: "short-s3cret" },
	readFile: (path: string) => {
		if (path === "/run/key") return `${two}\n`;
		if (path === "/run/hash") return `sha256:${sha(two)}\n`;
		throw Object.assign(new Error("no such file"), { code: "ENOENT" });
	},
};
const read = (text: string) => readApiKeys(text, "keys", deps);

describe("readApiKeys", () => {
	it.each([
		["a key", `alice: ${one}`, { name: "alice", sha256: sha(one) }],
		["a key in quotes, of digits", 'alice: "1234567890123456"', { name: "alice", sha256: sha("1234567890123456") }],
		["a hash", `alice: sha256:${sha(one)}`, { name: "alice", sha256: sha(one) }],
		["a hash in capitals", `alice: sha256:${sha(one).toUpperCase()}`, { name: "alice", sha256: sha(one) }],
		["a variable", "alice: ${KEY_ONE}", { name: "alice", sha256: sha(one) }],
		["a part from a variable", "alice: prefix-${KEY_ONE}", { name: "alice", sha256: sha(`prefix-${one}`) }],
		["a file", "alice: ${file:/run/key}", { name: "alice", sha256: sha(two) }],
		["a file with a hash", "alice: ${file:/run/hash}", { name: "alice", sha256: sha(two) }],
		["a map with a key", `alice: { key: ${one} }`, { name: "alice", sha256: sha(one) }],
		["a map with a hash", `alice: { sha256: "${sha(one)}" }`, { name: "alice", sha256: sha(one) }],
		["a map with a variable", "alice: { env: KEY_ONE }", { name: "alice", sha256: sha(one) }],
		[
			"servers",
			`alice:\n  key: ${one}\n  servers: [docs, a.b, docs]`,
			{ name: "alice", sha256: sha(one), servers: ["docs", "a.b"] },
		],
		["JSON", JSON.stringify({ alice: one }), { name: "alice", sha256: sha(one) }],
	])("takes %s", (_what, text, key) => {
		expect(read(text)).toEqual({ ok: true, keys: [key] });
	});

	it("takes several, past comments and empty lines", () => {
		expect(read(`# team\n\nalice: ${one}\nbob: ${two} # laptop\n`)).toEqual({
			ok: true,
			keys: [
				{ name: "alice", sha256: sha(one) },
				{ name: "bob", sha256: sha(two) },
			],
		});
	});

	it.each([
		["no colon", `alice ${one}`, 1, 1, "Write a map from name to key"],
		["nothing", "# nothing\n", 1, 1, "Write a map from name to key"],
		["a list", `- ${one}`, 1, 1, "Write a map from name to key"],
		["too short a key", "a: short-s3cret", 1, 4, "`a` must have at least 16 characters"],
		["too short a key in a variable", "a: ${SHORT}", 1, 4, "`a` must have at least 16 characters"],
		["a key with a space", `a: ${one} s3cret`, 1, 4, "without spaces"],
		["a key that is too long", `a: ${"x".repeat(257)}`, 1, 4, "256 characters at the most"],
		["a number", "a: 1234567890123456", 1, 4, "Put a key of digits into quotes"],
		["a bad hash", `a: sha256:${one}`, 1, 4, "64 hexadecimal digits"],
		["a bad hash in a map", `a:\n  sha256: ${one}`, 2, 3, "64 hexadecimal digits"],
		["a bad name", `"a b": ${one}`, 1, 1, "The name of a key may hold letters"],
		["a name twice", `a: ${one}\na: ${two}`, 2, 1, "`a` is there already, on line 1"],
		["a key twice", `a: ${one}\nb: ${one}`, 2, 4, "`b` is the same key as `a`"],
		["a key and its own hash", `a: ${one}\nb: sha256:${sha(one)}`, 2, 4, "`b` is the same key as `a`"],
		["an unknown field", `a: { key: ${one}, server: docs }`, 1, 29, "Did you mean `servers`?"],
		["two sources", `a: { key: ${one}, env: KEY_ONE }`, 1, 4, "needs exactly one of"],
		["no source", "a: { servers: [docs] }", 1, 4, "needs exactly one of"],
		["no server", `a: { key: ${one}, servers: [] }`, 1, 38, "must be a list of server ids"],
		["a server that is no id", `a: { key: ${one}, servers: ["a b"] }`, 1, 39, "is no id"],
		["a missing variable", "a: ${NO_SUCH}", 1, 4, "`NO_SUCH` is not set"],
		["a missing file", "a: ${file:/nowhere}", 1, 4, "`/nowhere` cannot be read"],
		["a placeholder that is none", "a: ${0123456789abcdef", 1, 4, "holds a `${` without its `}`"],
	])("refuses %s, with its place and without the key", (_what, text, line, col, words) => {
		const result = read(text);
		if (result.ok) throw new Error("it was taken");
		expect(result.errors[0]).toEqual({ file: "keys", line, col, message: expect.stringContaining(words) });
		expect(JSON.stringify(result)).not.toMatch(/0123456789|fedcba|s3cret|123456/);
	});
});

describe("keys of several places", () => {
	const of = (text: string) => readApiKeys(text, "keys", deps);
	it("are put together", () => {
		expect(joinApiKeys([of(`a: ${one}`), of(`b: ${two}`)])).toMatchObject({
			ok: true,
			keys: [{ name: "a" }, { name: "b" }],
		});
	});
	it.each([
		["name", `a: ${one}`, `a: ${two}`],
		["key", `a: ${one}`, `b: ${one}`],
	])("are refused with one %s in both", (_what, first, second) => {
		expect(joinApiKeys([of(first), of(second)])).toMatchObject({
			ok: false,
			errors: [{ file: "MCP_GATEWAY_API_KEYS" }],
		});
	});
	it("are refused with the faults of all", () => {
		expect(joinApiKeys([of("a: x"), of(`b: ${two}`), of("c: y")])).toMatchObject({ ok: false, errors: [{}, {}] });
	});
});

it("the first plain key is found past hashes", () => {
	expect(firstPlainKey(`a: sha256:${sha(two)}\nb: \${KEY_ONE}\n`, "keys", deps)).toBe(one);
	expect(firstPlainKey(`a: sha256:${sha(two)}\n`, "keys", deps)).toBeUndefined();
	expect(firstPlainKey("a: [1]", "keys", deps)).toBeUndefined();
});

it("servers that nobody knows are told", () => {
	const keys = [
		{ name: "all", sha256: sha(one) },
		{ name: "some", sha256: sha(two), servers: ["docs", "gone"] },
	];
	expect([...unknownServers(keys, (id) => id === "docs")]).toEqual([["some", ["gone"]]]);
});

it.each(["a", "team.docs_2-x", "1"])("%s is a name", (name) => expect(keyNameProblem(name)).toBeUndefined());
it.each(["", "a b", "é", 'a"', "x".repeat(65)])("%j is no name", (name) => expect(keyNameProblem(name)).toBeDefined());
