import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { RegistryEditError, removeServer, setServer } from "../../../control-plane/registry/edit.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";

const refused = (run: () => string) => {
	try {
		return { text: run() };
	} catch (error) {
		return error instanceof RegistryEditError
			? { reason: error.reason, message: error.message, errors: error.errors }
			: error;
	}
};

describe("YAML", () => {
	const text = `# our servers
# the first
a:
  # where it is
  endpoint: http://a:1/mcp
  timeouts: {idle: 5s} # long enough

b:
  cmd: [npx, -y, "x"]
`;
	test("a changed field leaves comments and the rest", () => {
		const entry = { endpoint: "http://a:2/mcp", timeouts: { idle: "5s" } };
		expect(setServer(text, "r.yaml", "a", entry)).toBe(text.replace("a:1", "a:2"));
		expect(setServer(text, "r.yaml", "b", { cmd: ["npx", "-y", "x"] })).toBe(text);
	});
	test("adding and removing", () => {
		const added = setServer(text, "r.yaml", "c", { cmd: ["x"], env: { A: "1" } });
		expect(added).toBe(`${text}c:\n  cmd:\n    - x\n  env:\n    A: "1"\n`);
		expect(removeServer(added, "r.yaml", "c")).toBe(text);
		expect(setServer("# empty\n", "r.yaml", "a", { cmd: ["x"] })).toBe("# empty\n\na:\n  cmd:\n    - x\n");
		expect(setServer("{}\n", "r.yaml", "a", { cmd: ["x"] })).toBe("a:\n  cmd:\n    - x\n");
	});
	test("anchors", () => {
		const shared = "a: {cmd: [x], env: &e {A: b}}\nb: {cmd: [x], env: *e}\n";
		const edited = setServer(shared, "r.yaml", "b", { cmd: ["x"], env: { A: "c" } });
		expect(parseRegistry(edited, "r.yaml").ok).toBe(true);
		expect(edited).toContain("&e {A: b}");
		expect(refused(() => removeServer(shared, "r.yaml", "a"))).toMatchObject({ reason: "faulty" });
	});
	test("the comment at the top outlives the first server, and the last one", () => {
		const head = "# yaml-language-server: $schema=s.json\n";
		const shared = `${head}a: &e\n  cmd: [x]\nb:\n  cmd: [y]\nc: {cmd: [z], env: &f {A: b}}\n`;
		const edited = removeServer(shared, "r.yaml", "a");
		expect(edited).toContain(head);
		expect(Object.keys(parse(edited))).toEqual(["b", "c"]);
		const none = removeServer(`${head}a:\n  cmd: [x]\n`, "r.yaml", "a");
		expect(none).toContain(head);
		expect(setServer(none, "r.yaml", "b", { cmd: ["y"] })).toContain(head);
	});
});

describe("JSON", () => {
	const text = `{
	// Claude's file
	"mcpServers": {
		"a": { "command": "npx", "args": ["-y", "x"] }, // keep
		"b": { "url": "http://b" }
	},
	"other": true
}
`;
	test("adding, changing and removing in mcpServers", () => {
		const added = setServer(text, "r.json", "c", { url: "http://c" });
		expect(added).toContain('"c": {\n\t\t\t"url": "http://c"\n\t\t}');
		expect(added).toContain("// keep");
		expect(removeServer(text, "r.json", "b")).toBe(
			text.replace('}, // keep\n\t\t"b": { "url": "http://b" }', "} // keep"),
		);
		expect(setServer(text, "r.json", "b", { url: "http://b2" })).toBe(text.replace("http://b", "http://b2"));
	});
	test("servers, and an empty file", () => {
		const edited = setServer('{"servers": {}, "inputs": []}', "mcp.json", "a", { command: "x" });
		expect(JSON.parse(edited)).toEqual({ servers: { a: { command: "x" } }, inputs: [] });
		expect(JSON.parse(setServer("", "r.json", "a", { cmd: ["x"] }))).toEqual({ a: { cmd: ["x"] } });
	});
});

test("refusals", () => {
	expect(refused(() => removeServer("alpha: {cmd: [x]}", "r.yaml", "alhpa"))).toMatchObject({
		reason: "absent",
		message: "The registry has no server `alhpa`. Did you mean `alpha`?",
	});
	expect(refused(() => removeServer("", "r.yaml", "a"))).toMatchObject({ reason: "absent" });
	expect(refused(() => setServer("a: {cmd: [x]}", "r.yaml", "b", { cmd: [] }))).toMatchObject({
		reason: "faulty",
		errors: [{}],
	});
	expect(refused(() => setServer("a: [", "r.yaml", "b", { cmd: ["x"] }))).toMatchObject({ reason: "faulty" });
	expect(refused(() => setServer("{}", "r.json", "a/b", { cmd: ["x"] }))).toMatchObject({ reason: "faulty" });
	const proto = { reason: "faulty", message: "`__proto__` cannot be a key. Choose another name." };
	expect(refused(() => setServer("{}", "r.json", "__proto__", { cmd: ["x"] }))).toMatchObject(proto);
	const inside = JSON.parse('{"cmd": ["x"], "env": {"__proto__": "x"}}');
	expect(refused(() => setServer("a: {cmd: [x]}", "r.yaml", "a", inside))).toMatchObject(proto);
});

test("what is set is there, what is removed is gone, and the others stay", () => {
	const id = fc
		.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,8}$/)
		.filter((one) => !["servers", "mcpServers"].includes(one));
	const word = fc.string({ unit: "grapheme", maxLength: 12 }).filter((one) => !/\0|\$\{/.test(one));
	const entry = fc.oneof(
		fc.record({ cmd: fc.array(word, { minLength: 1 }).filter(([program]) => program !== "") }),
		fc.record({
			command: word.filter((one) => one !== ""),
			env: fc.dictionary(fc.stringMatching(/^[A-Z]{1,6}$/), word),
		}),
		fc.record({ endpoint: fc.constant("http://a:1/mcp"), timeouts: fc.record({ idle: fc.nat(100) }) }),
	);
	const registry = fc.dictionary(id, entry, { maxKeys: 4 });
	const wrap = fc.constantFrom("", "mcpServers", "servers");
	const file = fc.constantFrom("r.json", "r.yaml");
	const style = fc.constantFrom("", "  ", "\t", "yaml");
	fc.assert(
		fc.property(registry, id, entry, entry, wrap, file, style, (before, name, first, second, wrapper, path, style) => {
			const value = wrapper === "" ? before : { [wrapper]: before };
			const start =
				style === "yaml" && path === "r.yaml"
					? stringify(value)
					: JSON.stringify(value, null, style === "yaml" ? "" : style);
			const parsed = (text: string) => {
				const result = parseRegistry(text, path);
				return result.ok ? Object.fromEntries(result.registry.servers) : result.errors;
			};
			const { [name]: _, ...others } = before;
			const rest = parsed(JSON.stringify(others));
			const once = setServer(start, path, name, first);
			const twice = setServer(once, path, name, second);
			expect(parsed(twice)).toEqual({ ...rest, ...parsed(JSON.stringify({ [name]: second })) });
			expect(parsed(removeServer(twice, path, name))).toEqual(rest);
		}),
		{ numRuns: 300 },
	);
});
