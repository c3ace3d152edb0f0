import { z } from "zod";
import { processStates } from "../../../stdio-bridge/status.ts";
import { describeFinding, findingSchema } from "../../detection/finding.ts";
import type { KubernetesStatus } from "../../kubernetes/contract.ts";
import { bridgeSchema, type PoolStatus, poolSchema } from "../../status/bridges.ts";
import { kubernetesConnectionSchema, kubernetesStatusSchema } from "../../status/kubernetes.ts";
import { askAdmin } from "../ask-admin.ts";
import { command } from "../command.ts";
import { failure } from "../errors.ts";
import { adminOption } from "../options.ts";
import { askPods, formatCrash } from "../pods.ts";
import { type Colours, coloursFor, harmless, table } from "../text.ts";

/** The part of the admin API's status that is shown; what else it holds is for --json. */
const statusSchema = z.object({
	ready: z.boolean(),
	controlPlane: z.string().optional(),
	registry: z.object({
		file: z.string(),
		loadedAt: z.union([z.string(), z.number()]).nullish(),
		errors: z.array(z.object({ file: z.string(), line: z.number(), col: z.number(), message: z.string() })),
	}),
	apiKeys: z
		.object({
			names: z.array(z.string()),
			loadedAt: z.number(),
			errors: z.array(z.object({ file: z.string(), line: z.number(), col: z.number(), message: z.string() })),
		})
		.optional(),
	certificate: z
		.object({
			file: z.string(),
			names: z.array(z.string()),
			notAfter: z.string(),
			clientCaFile: z.string().nullish(),
			problem: z.string().nullish(),
		})
		.nullish(),
	servers: z.array(
		z.object({
			id: z.string(),
			type: z.string(),
			state: z.string(),
			problem: z.string().nullish(),
			detected: findingSchema.nullish(),
			endpoints: z
				.array(
					z.object({
						address: z.string(),
						health: z.string(),
						reason: z.string().optional(),
						requests: z.number().optional(),
					}),
				)
				.nullish(),
			ejections: z.number().optional(),
			pool: poolSchema.optional(),
			kubernetes: kubernetesStatusSchema.optional(),
		}),
	),
	kubernetes: kubernetesConnectionSchema.optional(),
	bridges: z.array(bridgeSchema).default([]),
	// Only connected ones are listed.
	envoys: z.array(z.object({ id: z.string(), inSync: z.boolean().optional() })),
	processes: z
		.array(
			z.object({
				name: z.string(),
				state: z.string().optional(),
				pid: z.number().nullish(),
				restarts: z.number(),
				since: z.union([z.string(), z.number()]).nullish(),
			}),
		)
		.default([]),
});

/** What `mcp-gateway status` shows of a gateway. */
export type ShownStatus = z.infer<typeof statusSchema>;

export const status = command({
	usage: "status",
	summary: "Show what a running gateway serves; exits with 1 if it is not ready or its registry or keys have an error",
	options: {
		...adminOption,
		json: { type: "boolean", default: false, describe: "Print the admin API's answer as it is" },
	},
	positionals: {},
	examples: [
		["status", "of the gateway on this machine"],
		["status --json | jq .servers", "for scripts"],
	],
	run: async (args) => {
		const body = await askAdmin(args, "/v1/status");
		if (args.json) process.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
		const parsed = statusSchema.safeParse(body);
		if (!parsed.success) throw failure(`What answers at ${args.admin} is no MCP gateway of this version.`);
		if (!args.json) {
			const colours = coloursFor(process.stdout);
			process.stdout.write(`${formatStatus(parsed.data, colours, Date.now())}\n`);
			for (const id of crashed(parsed.data)) {
				const words = formatCrash(id, await askPods(args, id), colours);
				if (words !== "") process.stdout.write(`${words}\n`);
			}
		}
		const { ready, registry, apiKeys } = parsed.data;
		return ready && registry.errors.length === 0 && (apiKeys?.errors ?? []).length === 0 ? 0 : 1;
	},
});

/** Of so many servers at the most the last words of a crashed pod are asked for. */
const mostCrashes = 5;

function crashed({ servers }: ShownStatus): readonly string[] {
	const pods = (kubernetes: KubernetesStatus | undefined) => kubernetes?.pods ?? [];
	const crash = /^crash loop|started again after/;
	return servers
		.filter(({ kubernetes }) => pods(kubernetes).some(({ problem = "" }) => crash.test(problem)))
		.map(({ id }) => id)
		.slice(0, mostCrashes);
}

/** A status as text for people. */
export function formatStatus(status: ShownStatus, colours: Colours, now: number): string {
	const { registry, apiKeys, certificate, servers, envoys, processes, bridges } = status;
	const good = new Set(["ok", "ready", "serving", "running", "healthy", "degraded", "HEALTHY"]);
	const tone = (state: string) => (good.has(state) ? colours.green(state) : colours.yellow(state));
	const behind = envoys.filter(({ inSync }) => inSync === false).length;
	const rows = servers.map(({ id, type, detected, state, problem, endpoints, ejections = 0, pool, kubernetes }) => {
		// Of a bridge's workers only those that are not well: their sockets tell nobody anything. Pods have addresses that
		// mean no more, and a command of their own.
		const quiet = pool !== undefined || kubernetes !== undefined;
		const shownReplicas = (endpoints ?? []).filter(({ health }) => !quiet || health !== "healthy");
		const replicas = shownReplicas.map(({ address, health, reason, requests }) => {
			const more = reason ?? (requests === 0 ? "no traffic" : undefined);
			return `${address} ${tone(health)}${more === undefined ? "" : ` (${more})`}`;
		});
		// What a process said takes lines of its own, below.
		const failure = pool?.unhealthy && pool.lastFailure;
		const why = failure && problem === failure.detail ? "cannot be started, see below" : problem;
		const shown = [
			why,
			pool && describePool(pool, now),
			kubernetes && describeKubernetes(kubernetes, problem),
			replicas.join(", "),
			ejections === 0 ? "" : `ejections so far: ${ejections}`,
		];
		return [
			colours.cyan(id),
			detected ? `${type}: ${describeFinding(detected)}` : type,
			tone(state),
			shown.filter(Boolean).join("; "),
		];
	});
	// Of several in a cluster each has its own Envoys.
	const says = status.kubernetes?.inCluster && status.controlPlane ? `, says ${harmless(status.controlPlane)}` : "";
	const lines = [
		`Gateway    ${status.ready ? colours.green("ready") : colours.red("not ready")}${says}`,
		`Registry   ${registry.file}${registry.loadedAt ? `, read ${age(registry.loadedAt, now)} ago` : ""}`,
		`Envoy      ${envoys.length} connected${behind > 0 ? `, ${behind} not up to date` : ""}`,
	];
	const silent = bridges.filter(({ problem }) => problem !== undefined);
	if (bridges.length > 0 && servers.some(({ pool, type }) => pool !== undefined || type === "stdio")) {
		const count = bridges.length === 1 ? "1 worker" : `${bridges.length} workers`;
		lines.push(
			`Bridge     ${count}${silent.length === 0 ? "" : colours.yellow(`, ${silent.length} without an answer`)}`,
		);
		for (const { address, problem } of silent) lines.push(`           ${address}: ${problem}`);
	}
	if (status.kubernetes !== undefined) lines.push(...kubernetesLines(status.kubernetes, colours));
	if (apiKeys !== undefined) lines.push(`API keys   ${apiKeys.names.length}, read ${age(apiKeys.loadedAt, now)} ago`);
	if (certificate) {
		const { names, notAfter, file, clientCaFile } = certificate;
		const clients = clientCaFile ? `; clients need a certificate by ${clientCaFile}` : "";
		lines.push(`HTTPS      ${names.join(", ")}, until ${notAfter.slice(0, 10)}, from ${file}${clients}`);
		if (certificate.problem) lines.push(`           ${colours.red(certificate.problem)}`);
	}
	const faulty = (what: string, errors: ShownStatus["registry"]["errors"]) => {
		if (errors.length === 0) return;
		lines.push("", colours.red(what));
		for (const { file, line, col, message } of errors) lines.push(`  ${file}:${line}:${col}: ${message}`);
	};
	faulty("The registry file is faulty; the last good one is served:", registry.errors);
	faulty("The API keys are faulty; the last good ones are in force:", apiKeys?.errors ?? []);
	const head = (...cells: string[]) => cells.map((cell) => colours.dim(cell));
	if (rows.length > 0)
		lines.push("", ...table([head("SERVER", "TYPE", "STATE", "REPLICAS, PROCESSES AND PROBLEMS"), ...rows]));
	for (const { id, pool } of servers) {
		if (pool?.unhealthy === undefined || pool.lastFailure === undefined) continue;
		const { at, detail } = pool.lastFailure;
		lines.push("", colours.yellow(`${id} could not be started ${age(at, now)} ago:`));
		for (const line of detail.trimEnd().split("\n")) lines.push(`  ${harmless(line)}`);
	}
	if (processes.length > 0) {
		lines.push("");
		lines.push(
			...table([
				head("PROCESS", "PID", "STATE", "SINCE", "RESTARTS"),
				...processes.map((p) => [
					p.name,
					String(p.pid ?? "-"),
					tone(p.state ?? "running"),
					age(p.since, now),
					String(p.restarts),
				]),
			]),
		);
	}
	return lines.join("\n");
}

/** Who the gateway is to the cluster, and what keeps it from knowing how things are there. */
function kubernetesLines(
	{ source, inCluster, problems, writer }: z.infer<typeof kubernetesConnectionSchema>,
	colours: Colours,
) {
	const reach = inCluster ? "" : "; from outside the cluster pods are reached only where the network leads to them";
	const where = source === undefined ? colours.yellow("no cluster") : `${source}${reach}`;
	const told = writer?.problem === undefined ? problems : [...problems, writer.problem.message];
	const others = writer?.holder === undefined ? "" : `; changed by ${harmless(writer.holder)}`;
	const by = writer?.writes ? "; changed by this control plane" : others;
	return [`Kubernetes ${where}${by}`, ...told.map((problem) => `           ${colours.yellow(harmless(problem))}`)];
}

/** A server's pods in one line: how many are ready, what is wrong with the first that is not, and its conditions. */
function describeKubernetes(kubernetes: KubernetesStatus, told: string | null | undefined): string {
	const { namespace, name, pods, replicas, conditions, via } = kubernetes;
	const ready = pods.filter((pod) => pod.ready && !pod.terminating).length;
	const bad = pods.find(({ problem }) => problem !== undefined);
	return [
		`${namespace}/${name}${via === "service" ? " by its Service" : ""}`,
		`${ready} of ${replicas?.wanted ?? pods.length} pods ready`,
		...(bad?.problem === undefined || told?.includes(bad.problem) ? [] : [`${bad.name}: ${harmless(bad.problem)}`]),
		...conditions.filter(({ message }) => message !== told).map(({ message }) => harmless(message)),
	].join(", ");
}

/** A stdio server's sessions and processes in one line, without what is nought. */
function describePool(pool: PoolStatus, now: number): string {
	const { sessions, maxSessions, processes, max, waiting, restarts, startFailures, deaths, unhealthy, limits } = pool;
	const states = processStates.flatMap((state) => {
		const count = processes.filter((process) => process.state === state).length;
		return count === 0 ? [] : [`${count} ${state}`];
	});
	const some = (count: number, what: string) => (count === 0 ? [] : [`${what} ${count}`]);
	const next = unhealthy?.nextTryAt;
	const nextMs = next === undefined ? undefined : Math.max(0, new Date(next).getTime() - now);
	return [
		`sessions ${sessions}${maxSessions === undefined ? "" : ` of ${maxSessions}`}`,
		`processes ${processes.length} of ${max}${states.length === 0 ? "" : ` (${states.join(", ")})`}`,
		...some(waiting, "waiting"),
		...some(restarts, "restarts"),
		...some(deaths, "deaths"),
		...some(startFailures, "failed starts"),
		...(nextMs === undefined ? [] : [`next start in ${Math.ceil(nextMs / 1000)} s`]),
		...Object.entries(limits).map(([name, how]) => `${name}: ${how}`),
	].join(", ");
}

/** Time since a moment, in the largest fitting unit. */
function age(since: string | number | null | undefined, now: number): string {
	if (since === null || since === undefined) return "-";
	const seconds = Math.max(0, Math.round((now - new Date(since).getTime()) / 1000));
	if (seconds < 120) return `${seconds} s`;
	if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
	return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
