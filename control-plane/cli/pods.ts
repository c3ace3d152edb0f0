import { z } from "zod";
import type { PodStatus } from "../kubernetes/contract.ts";
import { podSchema } from "../status/kubernetes.ts";
import { type AdminArgs, askAdmin } from "./ask-admin.ts";
import { failure } from "./errors.ts";
import { type Colours, harmless, table } from "./text.ts";

/** The pods of a server, asked of a running gateway. @throws CliError that says what to do */
export async function askPods(args: AdminArgs, id: string): Promise<readonly PodStatus[]> {
	const pods = z.array(podSchema).safeParse(await askAdmin(args, `/v1/servers/${encodeURIComponent(id)}/pods`));
	if (!pods.success) throw failure(`What answers at ${args.admin} is no MCP gateway of this version.`);
	return pods.data;
}

/** Pods as a table, with the last words of those that crashed below. */
export function formatPods(pods: readonly PodStatus[], colours: Colours): string {
	if (pods.length === 0) return "It has no pods.";
	const head = ["POD", "ADDRESS", "NODE", "STATE", "RESTARTS", "PROBLEM"].map((cell) => colours.dim(cell));
	const rows = pods.map(({ name, address, node, ready, terminating, restarts, problem }) => [
		colours.cyan(name),
		address ?? "-",
		node ?? "-",
		terminating ? colours.yellow("terminating") : ready ? colours.green("ready") : colours.yellow("not ready"),
		String(restarts),
		harmless(problem ?? ""),
	]);
	return [...table([head, ...rows]), ...pods.flatMap((pod) => lastWords(pod, colours))].join("\n");
}

/** What the first pod that crashed wrote last; empty where none did. */
export function formatCrash(id: string, pods: readonly PodStatus[], colours: Colours): string {
	const crashed = pods.find(({ lastLines = [] }) => lastLines.length > 0);
	return crashed === undefined ? "" : lastWords({ ...crashed, name: `${id}, pod ${crashed.name}` }, colours).join("\n");
}

function lastWords({ name, lastLines = [] }: PodStatus, colours: Colours): string[] {
	if (lastLines.length === 0) return [];
	return ["", colours.yellow(`${name} wrote before it ended:`), ...lastLines.map((line) => `  ${harmless(line)}`)];
}
