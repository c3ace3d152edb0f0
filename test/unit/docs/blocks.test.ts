import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { type Block, blocksOf, commandsOf, docPages, readBlocks } from "../../support/docs/blocks.ts";
import { checkoutProofs, dockerProofs } from "../../support/docs/proofs.ts";
import { readySign } from "../../support/docs/run-page.ts";
import { synthesized } from "../../support/gateway-chart.ts";
import { ROOT } from "../../support/process.ts";

/** Every block of README.md and the documentation says what it is, and is that. */

const blocks = docPages().flatMap((page) => blocksOf(page));
const at = ({ page, line }: Block) => `${page}:${line}`;
const commandsAt = (place: string) =>
	blocks
		.filter(({ mark }) => mark?.kind === "run" && mark.place === place)
		.flatMap((block) => commandsOf(block).map((command) => [at(block), command] as const));

test("commands say where they are run, and nothing else does", () => {
	expect(blocks.length).toBeGreaterThan(10);
	const wrong = blocks.filter(({ language, mark }) => (language === "sh") !== (mark?.kind === "run"));
	expect(wrong.map(at)).toEqual([]);
});

test("YAML, JSON and code is a file, a registry or values", () => {
	const plain = blocks.filter(({ language, mark }) => mark === undefined && !["", "text", "sh"].includes(language));
	expect(plain.map(at)).toEqual([]);
});

test("commands that go on are ones whose first words of success are known", () => {
	const unknown = commandsAt("local background").filter(([, command]) => readySign(command) === undefined);
	expect(unknown).toEqual([]);
});

describe("registries", () => {
	const registries = blocks.filter(
		({ mark }) =>
			mark?.kind === "registry" ||
			(mark?.kind === "file" && /^(?:mcp-gateway|kubernetes)\.(?:ya?ml|json)$/.test(mark.name)),
	);
	test.each(registries.map((block) => [at(block), block] as const))("%s", (_, { language, text }) => {
		const parsed = parseRegistry(text, `block.${language}`);
		expect(parsed.ok ? [] : parsed.errors).toEqual([]);
		expect(parsed.ok && parsed.registry.servers.size).toBeGreaterThan(0);
	});
});

describe("values", () => {
	const values = blocks.filter(({ mark }) => mark?.kind === "values");
	test.each(values.map((block) => [at(block), block] as const))("%s", (_, { text }) => {
		expect(synthesized(parse(text)).length).toBeGreaterThan(5);
	});
});

describe("commands that are run elsewhere", () => {
	test.each([
		["checkout", checkoutProofs],
		["docker", dockerProofs],
	] as const)("%s: each has its proof, and no proof is without its command", (place, proofs) => {
		const commands = commandsAt(place);
		expect(commands.filter(([, command]) => proofs[command] === undefined)).toEqual([]);
		const used = new Set(commands.map(([, command]) => command));
		expect(Object.keys(proofs).filter((command) => !used.has(command))).toEqual([]);
	});

	test("the proofs are there", () => {
		const ci = readFileSync(join(ROOT, ".ci/run"), "utf8");
		const missing = Object.values({ ...checkoutProofs, ...dockerProofs }).filter((proof) => {
			const [file = "", step] = proof.split(": ");
			return step === undefined ? !existsSync(join(ROOT, file)) : !ci.includes(step);
		});
		expect(missing).toEqual([]);
	});
});

describe("the reader of blocks", () => {
	const fence = "```";
	test("takes marks, languages and lines", () => {
		const text = `a\n\n<!-- run: local background -->\n${fence}sh\nx \\\n  y   # why\n# a comment\nz\n${fence}\n<!-- file: a/b.yaml -->\n${fence}yaml\na: 1\n${fence}\n`;
		const [first, second, ...rest] = readBlocks(text, "p.md");
		expect(first).toMatchObject({
			page: "p.md",
			line: 4,
			language: "sh",
			mark: { kind: "run", place: "local background" },
		});
		expect(first && commandsOf(first)).toEqual(["x y", "z"]);
		expect(second).toEqual({
			...{ page: "p.md", line: 11, language: "yaml", text: "a: 1" },
			mark: { kind: "file", name: "a/b.yaml" },
		});
		expect(rest).toEqual([]);
	});

	test.each([
		["a comment with nothing below", "<!-- run: local -->\n\ntext", "p.md:1: this comment is not directly above"],
		[
			"a place that is none",
			`<!-- run: moon -->\n${fence}sh\n${fence}`,
			"p.md:1: commands run local, local background",
		],
		["a file elsewhere", `<!-- file: ../x -->\n${fence}sh\n${fence}`, 'p.md:1: "../x" is no file\'s name'],
		["words too many", `<!-- registry: x -->\n${fence}yaml\n${fence}`, 'p.md:1: ": x" after registry'],
		["an indent", `  ${fence}sh\n  ${fence}`, "p.md:1: the site's Markdown takes no block"],
		["no end", `${fence}sh\nx`, "p.md:1: this block has no end"],
	])("refuses %s", (_, text, message) => {
		expect(() => readBlocks(text, "p.md")).toThrow(message);
	});
});
