import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findCluster } from "../../../control-plane/kubernetes/connection.ts";

let home: string;
beforeEach(() => {
	home = mkdtempSync(join(tmpdir(), "mcpgw-kubeconfig-"));
});
afterEach(() => {
	rmSync(home, { recursive: true });
});

interface Config {
	readonly contexts?: Readonly<Record<string, { namespace?: string; cluster?: string }>>;
	readonly current?: string;
	readonly server?: string;
}

/** Writes a kubeconfig whose cluster is called as the file. */
function write(
	name: string,
	{ contexts = { one: {} }, current, server = "https://10.0.0.1:6443" }: Config = {},
): string {
	const file = join(home, name);
	const content = {
		apiVersion: "v1",
		kind: "Config",
		...(current !== undefined && { "current-context": current }),
		clusters: [{ name, cluster: { server } }],
		users: [{ name, user: { token: "t" } }],
		contexts: Object.entries(contexts).map(([context, { cluster = name, ...more }]) => ({
			name: context,
			context: { cluster, user: name, ...more },
		})),
	};
	writeFileSync(file, JSON.stringify(content));
	return file;
}

const env = (more: NodeJS.ProcessEnv = {}) => ({ HOME: home, ...more });

it("takes the option before the variable, and the current context with its namespace", async () => {
	const file = write("a", { contexts: { one: { namespace: "mcp" } }, current: "one" });
	const other = write("b", { current: "one" });
	const { facts, kubeConfig } = await findCluster({ kubeconfig: file, env: env({ KUBECONFIG: other }) });
	expect(facts).toEqual({ source: `kubeconfig ${file}, context one`, inCluster: false, namespace: "mcp" });
	expect(kubeConfig.getCurrentCluster()?.server).toBe("https://10.0.0.1:6443");
});

it("merges the files of KUBECONFIG, leaves out what is not there, and takes another context where it is named", async () => {
	const files = [
		write("a", { current: "one" }),
		join(home, "none"),
		write("b", { contexts: { two: {} }, current: "two" }),
	];
	const { facts } = await findCluster({ env: env({ KUBECONFIG: files.join(delimiter) }) });
	expect(facts).toMatchObject({ source: expect.stringContaining("context one"), namespace: "default" });
	const named = await findCluster({ context: "two", env: env({ KUBECONFIG: files.join(delimiter) }) });
	expect(named.kubeConfig.getCurrentCluster()?.name).toBe("b");
});

it.each<[string, (home: string) => Parameters<typeof findCluster>[0], string]>([
	["no file at all", () => ({ env: env() }), "this is no pod with a service account, and there is no kubeconfig at"],
	["a file that is named and not there", () => ({ kubeconfig: "/no/such", env: env() }), "there is no file /no/such"],
	[
		"no current context",
		() => ({ kubeconfig: write("a"), env: env() }),
		"no current context; name one with --kube-context",
	],
	[
		"a context that is not there",
		() => ({ kubeconfig: write("a"), context: "x", env: env() }),
		"there is no context x; those of",
	],
	[
		"a context without its cluster",
		() => ({ kubeconfig: write("a", { contexts: { one: { cluster: "gone" } } }), context: "one", env: env() }),
		"context one names a cluster that is not in the kubeconfig",
	],
	[
		"plain HTTP",
		() => ({ kubeconfig: write("a", { server: "http://10.0.0.1" }), context: "one", env: env() }),
		"insecure-skip-tls-verify",
	],
])("%s", async (_name, options, words) => {
	await expect(findCluster(options(home))).rejects.toThrow(words);
	await expect(findCluster(options(home))).rejects.toThrow(/^no cluster: /);
});

it("says which file cannot be read as one", async () => {
	const file = join(home, "bad");
	writeFileSync(file, "a: [");
	await expect(findCluster({ kubeconfig: file, env: env() })).rejects.toThrow(`the kubeconfig ${file} cannot be used`);
});
