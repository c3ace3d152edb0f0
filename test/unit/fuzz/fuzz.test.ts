import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { ParseResult, Server } from "../../../control-plane/registry/model.ts";
import { idProblem } from "../../../control-plane/registry/names.ts";
import { createRegistryParser, parseRegistry } from "../../../control-plane/registry/parse.ts";
import { encodeAll, refusedByEnvoy, resourcesOf } from "./accept.ts";
import { entry, registryValue, serverId } from "./arbitraries.ts";
import { slips } from "./mutate.ts";

/**
 * Whatever a registry holds: the parser answers, and what it accepts Envoy accepts. `FUZZ_SEED` and `FUZZ_RUNS` (a
 * factor) look further than the fixed, short run does: `FUZZ_SEED=$RANDOM FUZZ_RUNS=100 npx vitest run test/unit/fuzz`.
 */
const seed = Number(process.env["FUZZ_SEED"] ?? 20_260_728);
const factor = Number(process.env["FUZZ_RUNS"] ?? 1);
const runs = (numRuns: number) => ({ seed, numRuns: Math.ceil(numRuns * factor) });
const timeout = 60_000 * Math.max(1, factor);

/** Long enough for a busy machine; what takes longer for a few kilobytes grows faster than its text. */
const MAX_MS = 3000;

function timed(text: string, file: string): ParseResult {
	const before = process.cpuUsage();
	const result = parseRegistry(text, file);
	const { user, system } = process.cpuUsage(before);
	expect((user + system) / 1000, "milliseconds of CPU").toBeLessThan(MAX_MS);
	return result;
}

function expectAnswer(text: string, result: ParseResult): void {
	if (result.ok) return;
	expect(result.errors.length).toBeGreaterThan(0);
	const lines = text.split("\n");
	for (const { line, col, message } of result.errors) {
		expect(line >= 1 && line <= lines.length && col >= 1, `${line}:${col} is in the text`).toBe(true);
		expect(message.length > 0 && message.length < 1000).toBe(true);
	}
}

const secret = "s3/cr3t+";
/** The same registry with a secret in each place that a header's value may stand in. */
const withSecret = (value: object) => ({
	"with-secret": { endpoint: "http://a", headers: { Authorization: `Bearer ${secret}`, "x-b": secret } },
	...value,
});

const texts = fc
	.tuple(registryValue, fc.constantFrom("r.json", "r.yaml", "flow.yaml"), fc.constantFrom("\n", "\r\n"))
	.map(([value, file, end]) => {
		const full = withSecret(value);
		const text = file === "r.yaml" ? stringify(full, { lineWidth: 0 }) : JSON.stringify(full, null, 1);
		return { file, text: text.replaceAll("\n", end) };
	});

describe("the parser", () => {
	test(
		"any slip in a registry's text is answered, in bounded time, and no header's value is repeated",
		() => {
			fc.assert(
				fc.property(texts, slips, ({ file, text }, slip) => {
					const broken = slip(text);
					const result = timed(broken, file);
					expectAnswer(broken, result);
					expect(JSON.stringify(result.ok ? [] : result.errors)).not.toContain(secret);
				}),
				runs(800),
			);
		},
		timeout,
	);

	test(
		"a parser with a memory says what one without says",
		() => {
			fc.assert(
				fc.property(texts, fc.array(slips, { minLength: 1, maxLength: 3 }), ({ file, text }, all) => {
					const parser = createRegistryParser();
					for (const one of [text, ...all.map((slip) => slip(text)), text]) {
						expect(comparable(parser.parse(one, file))).toEqual(comparable(parseRegistry(one, file)));
					}
				}),
				runs(150),
			);
		},
		timeout,
	);

	test(
		"JSON read as YAML is the same registry, or has the same faults",
		() => {
			fc.assert(
				fc.property(registryValue, (value) => {
					const text = JSON.stringify(value, null, 1);
					const [json, yaml] = ["r.json", "r.yaml"].map((file) => comparable(parseRegistry(text, file)));
					expect(yaml).toEqual(json);
				}),
				runs(300),
			);
		},
		timeout,
	);
});

/** A result without the file's name, in a form that `toEqual` compares whole. */
function comparable(result: ParseResult) {
	if (result.ok) return { servers: [...result.registry.servers] };
	return { errors: result.errors.map(({ line, col, message }) => `${line}:${col}: ${message}`) };
}

describe("what the parser accepts", () => {
	/** Servers of generated entries that parse, under generated ids where those are good ones. */
	function accepted(): Server[] {
		const sample = fc.sample(fc.tuple(serverId, entry), runs(700));
		const servers = new Map<string, Server>();
		for (const [n, [id, value]] of sample.entries()) {
			const ids = servers.has(id) || idProblem(id) !== undefined ? `s${n}` : id;
			const result = parseRegistry(JSON.stringify({ [ids]: value }), "r.json");
			if (result.ok) for (const [name, server] of result.registry.servers) servers.set(name, server);
		}
		// If hardly anything parsed, little would be tested.
		expect(servers.size).toBeGreaterThan(sample.length / 3);
		return [...servers.values()];
	}

	test(
		"becomes resources that can be sent, and that Envoy accepts",
		async () => {
			const servers = accepted();
			for (const server of servers) {
				try {
					encodeAll(resourcesOf(server));
				} catch (error) {
					throw new Error(`${error}\n${JSON.stringify(server, null, 1)}`);
				}
			}
			for (let from = 0; from < servers.length; from += 500) {
				const refused = await refusedByEnvoy(servers.slice(from, from + 500));
				if (refused !== undefined) throw new Error(`${refused.words}\n${JSON.stringify(refused.server, null, 1)}`);
			}
		},
		timeout,
	);
});
