// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import fc from "fast-check";
import { expect, test } from "vitest";
import { expand, placeholders, templateProblem } from "../../../control-plane/registry/expand.ts";
import { urlProblem } from "../../../control-plane/registry/url.ts";

const deps = {
	env: { A: "one", EMPTY: "", NESTED: "${A}$$", HOST: "h" },
	readFile: (path: string) => {
		if (path === "/secret") return "s3cr3t\n";
		throw Object.assign(new Error("no such file, s3cr3t"), { code: "ENOENT" });
	},
};

test.each([
	["plain", "plain"],
	["a $ b $HOME $$ c", "a $ b $HOME $$ c"],
	["${A}", "one"],
	["${env:A}-${A}", "one-one"],
	["${NONE:-a default}", "a default"],
	["${EMPTY:-x}${EMPTY}", "x"],
	["${NONE:-}", ""],
	["${A:-x}", "one"],
	["${file:/secret}!", "s3cr3t!"],
	["$${A}", "${A}"],
	["$$${A}", "$one"],
	["$$$${A}", "$${A}"],
	["${NESTED}", "${A}$$"],
	["{A} }", "{A} }"],
])("%s becomes %s", (template, value) => {
	expect(expand(template, deps)).toEqual({ ok: true, value });
});

test.each([
	["${NONE}", "The environment variable `NONE` is not set."],
	["${constructor}", "The environment variable `constructor` is not set."],
	["${file:/none}", "The file `/none` cannot be read (ENOENT)."],
	["${input:key}", "`${input:key}` asks a person, which a gateway cannot."],
	["${workspaceFolder}/x", "`${workspaceFolder}` is known to editors only."],
	["${userHome}", "`${userHome}` is known to editors only. Write `${HOME}`."],
	["${A", "The text holds a `${` without its `}`."],
	["${s3cr3t!}", "The text holds a placeholder that the gateway does not know."],
	["${file:secret}", "The text holds a `${file:...}` without an absolute path."],
])("%s is a problem", (template, problem) => {
	const result = expand(template, deps);
	expect(result.ok ? "" : result.problem).toContain(problem);
	expect(JSON.stringify(result)).not.toContain("s3cr3t");
});

test("placeholders are listed in order, without what is escaped", () => {
	expect(placeholders("${A:-x} $${B} ${file:/c} ${input:d}")).toMatchObject([
		{ kind: "env", name: "A", fallback: "x" },
		{ kind: "file", path: "/c" },
		{ kind: "editor", name: "${input:d}" },
	]);
	expect(placeholders("${")).toEqual([]);
});

test("a text without `${` stays as it is, and an escaped one comes back", () => {
	fc.assert(
		fc.property(fc.string(), (text) => {
			if (!text.includes("${")) expect(expand(text, deps)).toEqual({ ok: true, value: text });
			const escaped = text.replace(/\$+(?=\{)/g, (run) => run + run);
			expect(expand(escaped, deps)).toEqual({ ok: true, value: text });
			expect(templateProblem(escaped)).toBeUndefined();
		}),
	);
});

test.each([
	"${BASE}",
	"${BASE}/mcp",
	"http://${HOST}:${PORT}/mcp",
	"https://a.${DOMAIN}",
	"http${S:-}://a",
	"http://[::1]:80/x",
])("%s may be a URL", (url) => expect(urlProblem(url)).toBeUndefined());
