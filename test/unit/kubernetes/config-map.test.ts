// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { configData, configHash, REGISTRY_KEY } from "../../../control-plane/kubernetes/objects/config-map.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { formatErrors } from "../../../control-plane/registry/format.ts";
import type { ServerValues, StdioServer } from "../../../control-plane/registry/model.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { managedEntry } from "../fuzz/kubernetes.ts";

function valuesOf(entry: object): ServerValues | undefined {
	const parsed = parseRegistry(JSON.stringify({ s: entry }), "r.json");
	const server = parsed.ok ? parsed.registry.servers.get("s") : undefined;
	if (server?.type !== "k8s") return undefined;
	const result = createCharts().values(server);
	if (!result.ok) throw new Error(result.problem);
	return result.values;
}

/** The server as the bridge in the pod reads it. */
function asBridged(values: ServerValues, id: string): StdioServer {
	const parsed = parseRegistry(configData(values, id)[REGISTRY_KEY] ?? "", REGISTRY_KEY);
	if (!parsed.ok) throw new Error(formatErrors(parsed.errors));
	const server = parsed.registry.servers.get(id);
	if (server?.type !== "stdio") throw new Error("no stdio server");
	return server;
}

const secretOf = (name: string) => `secret of ${name}`;

/** What the process gets: its words and its variables, with secrets as the container has them. */
function started({ command, env }: StdioServer, names: readonly string[]) {
	const variables = Object.fromEntries(names.map((name) => [name, secretOf(name)]));
	const value = (template: string) => {
		const result = expand(template, { env: variables, readFile: () => "" });
		if (!result.ok) throw new Error(result.problem);
		return result.value;
	};
	return {
		words: command.map(value),
		env: Object.fromEntries(Object.entries(env).map(([name, template]) => [name, value(template)])),
	};
}

test("variables, secrets and the pool reach the bridge's process", () => {
	const entry = {
		image: "a",
		transport: "stdio",
		command: ["node"],
		args: ["$(NAME)-$(TOKEN)", "$$(TOKEN)", "$(NOBODY)", "$NAME", "$"],
		env: { NAME: "$5 & more" },
		secrets: { TOKEN: "a/b" },
		pool: { mode: "shared", max: 3, idleTimeout: "1m" },
	};
	const server = asBridged(valuesOf(entry)!, "odd.Id_1");
	expect(started(server, ["TOKEN"])).toEqual({
		words: ["node", "$5 & more-secret of TOKEN", "$(TOKEN)", "$(NOBODY)", "$NAME", "$"],
		env: { NAME: "$5 & more", TOKEN: "secret of TOKEN" },
	});
	expect(server.pool).toMatchObject({ mode: "shared", max: 3, idleTimeoutMs: 60_000 });
});

test("every stdio server that is accepted is one that the bridge takes, with its variables as they were written", () => {
	let seen = 0;
	fc.assert(
		fc.property(managedEntry, (entry) => {
			const values = valuesOf(entry);
			if (values?.transport !== "stdio") return;
			seen++;
			const names = Object.keys(values.secrets);
			const secrets = Object.fromEntries(names.map((name) => [name, secretOf(name)]));
			const { words, env } = started(asBridged(values, "s"), names);
			expect(env).toEqual({ ...values.env, ...secrets });
			const plain = [...values.command, ...values.args].map((word, at) => [word, words[at]] as const);
			for (const [word, got] of plain) if (!word.includes("$(")) expect(got).toBe(word);
		}),
		{ numRuns: 500 },
	);
	expect(seen).toBeGreaterThan(100);
});

test("an HTTP server's variables are the ConfigMap itself, and its hash knows every change but that of the order", () => {
	const values = valuesOf({ image: "a", env: { A: "1", B: "2" } })!;
	expect(configData(values, "s")).toEqual({ A: "1", B: "2" });
	expect(configHash({ A: "1", B: "2" })).toBe(configHash({ B: "2", A: "1" }));
	const others = [{ A: "1" }, { A: "1", B: "" }, { A: '1","B":"2' }, { A: "2", B: "1" }];
	expect(new Set(others.map(configHash)).size).toBe(4);
});
