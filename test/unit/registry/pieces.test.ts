import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editServers, RegistryEditError } from "../../../control-plane/registry/edit.ts";
import { createRegistryParser, parseRegistry } from "../../../control-plane/registry/parse.ts";
import { cutRegistry } from "../../../control-plane/registry/pieces.ts";
import { readText } from "../../../control-plane/registry/read.ts";

/** Lines that mean one thing alone and another one together. */
const yamlLine = fc.constantFrom(
	"a:",
	"b: {cmd: [x]}",
	"c: {cmd: [x], env: {A: 'b",
	"d': 1}}",
	"  cmd: [y]",
	"  cmd:",
	"    - |",
	"    - |+",
	"    - >-",
	"      text",
	"  - z",
	"- z",
	'  env: {A: "x',
	'e: "}',
	"  y: 1}",
	"}",
	"# comment",
	"  # comment",
	"",
	"  ",
	"\t",
	"---",
	"...",
	"%YAML 1.2",
	"a: &x {cmd: [x]}",
	"f: *x",
	"g: {cmd: [x], env: {A: *y}}",
	"h: {cmd: [x], env: {A: &y b}}",
	"? a",
	": {cmd: [x]}",
	'"k": {cmd: [x]}',
	"servers:",
	"  a: {cmd: [x]}",
	"<<: {cmd: [x]}",
	"endpoint: http://a:1",
	"m: !!map {cmd: [x]}",
	"  m: [",
	"]",
	"__proto__: {cmd: [x]}",
	"n:{cmd: [x]}",
	"o: # why",
	"\uFEFFa: {cmd: [x]}",
	"p: {cmd: [x]}\rq: {cmd: [x]}",
);
const jsonPart = fc.constantFrom(
	"{",
	"}",
	",",
	":",
	"[",
	"]",
	" ",
	"\n",
	'"a"',
	'"a":{"cmd":["x"]}',
	'"b":{"cmd":["}"],"env":{"A":"\\""}}',
	'"c":{"cmd":["x\\\\"]},',
	'"d":{"cmd":["x"],"cmd":["y"]}',
	'"e":{"cmd":["x"]}// }\n',
	'"f":{"cmd":["x"],}',
	'"\\u0061":{"cmd":["x"]}',
	'"$schema":"x"',
	'"servers":{"a":{"cmd":["x"]}}',
	'"__proto__":{"cmd":["x"]}',
	'"g":{"cmd":["x"],"__proto__":{}}',
	'"',
	"\\",
	"/",
);
const yaml = fc
	.tuple(fc.array(yamlLine, { maxLength: 7 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
	.map(([lines, eol, end]) => lines.join(eol) + (end ? eol : ""));
const json = fc.array(jsonPart, { maxLength: 6 }).map((parts) => `{${parts.join("")}}`);
const file = fc.constantFrom("r.json", "r.yaml", "r");

const outcome = (result: ReturnType<typeof parseRegistry>) =>
	result.ok ? [...result.registry.servers] : result.errors;

describe("a text that is cut", () => {
	test("means what it means in one piece, whatever was read before", () => {
		let cut = 0;
		fc.assert(
			fc.property(fc.array(fc.oneof(yaml, json), { minLength: 1, maxLength: 3 }), file, (texts, path) => {
				const parser = createRegistryParser();
				for (const text of texts) {
					if (cutRegistry(text, path) !== undefined) cut += 1;
					expect(outcome(parser.parse(text, path))).toEqual(outcome(parseRegistry(text, path)));
				}
			}),
			{ numRuns: 4000 },
		);
		expect(cut).toBeGreaterThan(300);
	});

	test("is edited to what was asked for, and nothing else changes", () => {
		const whole = (text: string, path: string) => {
			const read = readText(text.replace("\uFEFF", ""), path, () => 1);
			return "fatal" in read ? undefined : read.value;
		};
		const id = fc.constantFrom("a", "b", "c", "z");
		const entry = fc.constantFrom(undefined, { cmd: ["x"] }, { cmd: ["n"], env: { A: "1", B: "2" } });
		let edits = 0;
		fc.assert(
			fc.property(fc.oneof(yaml, json), file, id, entry, (text, path, name, put) => {
				let edited: string;
				try {
					edited = editServers(text, path, new Map([[name, put]]));
				} catch (error) {
					expect(error).toBeInstanceOf(RegistryEditError);
					return;
				}
				edits += 1;
				const before = (whole(text, path) ?? {}) as Record<string, object>;
				const inside = "servers" in before && !("cmd" in before["servers"]!) ? "servers" : undefined;
				const servers = { ...((inside === undefined ? before : before[inside]) as Record<string, unknown>) };
				delete servers[name];
				if (put !== undefined) servers[name] = put;
				expect(whole(edited, path)).toEqual(inside === undefined ? servers : { ...before, [inside]: servers });
			}),
			{ numRuns: 3000 },
		);
		expect(edits).toBeGreaterThan(300);
	});
});

const some = `# our servers

# about a
a:
  cmd: [x] # one

# about b
b:
  cmd: [y]

# about c
c: {cmd: [z]}
d:
  endpoint: http://a:1 # where
# the end
`;

test("a comment goes with the server that it stands above", () => {
	const without = (id: string) => editServers(some, "r.yaml", new Map([[id, undefined]]));
	expect(without("b")).toBe(some.replace("# about b\nb:\n  cmd: [y]\n\n", ""));
	expect(without("a")).toBe(some.replace("a:\n  cmd: [x] # one\n\n", ""));
	expect(without("c")).toBe(some.replace("# about c\nc: {cmd: [z]}\n", ""));
	const put = (id: string, cmd: string) => editServers(some, "r.yaml", new Map([[id, { cmd: [cmd] }]]));
	expect(put("b", "n")).toBe(some.replace("[y]", "[n]"));
	expect(put("c", "n")).toBe(some.replace("[z]", "[n]"));
	expect(put("a", "n")).toBe(some.replace("[x]", "[n]"));
	const moved = new Map([["d", { endpoint: "http://a:2" }]]);
	expect(editServers(some, "r.yaml", moved)).toBe(some.replace("a:1", "a:2"));
	expect(put("e", "n")).toBe(`${some}e:\n  cmd:\n    - n\n`);
});

test("several at once", () => {
	const edited = editServers(
		some,
		"r.yaml",
		new Map([
			["a", undefined],
			["b", { cmd: ["n"] }],
			["e", { cmd: ["e"] }],
		]),
	);
	expect(edited).toBe(`${some.replace("a:\n  cmd: [x] # one\n\n", "").replace("[y]", "[n]")}e:\n  cmd:\n    - e\n`);
	const many = new Map(Array.from({ length: 60 }, (_, n) => [`s${n}`, { cmd: [String(n)] }] as const));
	const added = parseRegistry(editServers('{"a": {"cmd": ["x"]}}', "r.json", many), "r.json");
	expect(added.ok && added.registry.servers.get("s59")).toBeTruthy();
});
