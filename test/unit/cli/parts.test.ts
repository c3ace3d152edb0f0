import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { formatStatus } from "../../../control-plane/cli/commands/status.ts";
import { activeRequests } from "../../../control-plane/cli/drain.ts";
import { checkKubernetes, kubernetesArgs } from "../../../control-plane/cli/kubernetes-options.ts";
import { passLines, readLines } from "../../../control-plane/cli/lines.ts";
import { formatCrash, formatPods } from "../../../control-plane/cli/pods.ts";
import { chooseRegistry, exampleFile } from "../../../control-plane/cli/registry-file.ts";
import { makeRunFolder } from "../../../control-plane/cli/run-folder.ts";
import { coloursFor, harmless, table } from "../../../control-plane/cli/text.ts";
import { maxBody } from "../../../control-plane/cli/up-plan.ts";
import { welcome } from "../../../control-plane/cli/welcome.ts";

const plain = coloursFor({}, {});

test("colours are for terminals that want them", () => {
	expect(coloursFor({ isTTY: true }, {}).red("x")).toBe("\u001b[31mx\u001b[39m");
	expect(coloursFor({ isTTY: true }, { NO_COLOR: "1" }).red("x")).toBe("x");
	expect(plain.red("x")).toBe("x");
	expect(
		table([
			["\u001b[31ma\u001b[39m", "b"],
			["long", "c"],
		]),
	).toEqual(["\u001b[31ma\u001b[39m     b", "long  c"]);
});

test("sizes", () => {
	expect(["65536", "1k", "64MiB", "2 mb", "1G", "10b"].map(maxBody)).toEqual([
		65536, 1024, 67108864, 2097152, 1073741824, 10,
	]);
	for (const text of ["", "0", "-1", "1.5M", "x", "5G"]) expect(() => maxBody(text)).toThrow(/takes a size/);
});

test("the registry: named, else found in the folder, else the example", () => {
	const folder = mkdtempSync(join(tmpdir(), "choose-"));
	try {
		expect(chooseRegistry(undefined, folder)).toEqual({ file: exampleFile, example: true });
		writeFileSync(join(folder, "mcp-gateway.json"), "{}");
		expect(chooseRegistry(undefined, folder)).toEqual({ file: join(folder, "mcp-gateway.json"), example: false });
		writeFileSync(join(folder, "mcp-gateway.yaml"), "{}");
		expect(chooseRegistry(undefined, folder).file).toBe(join(folder, "mcp-gateway.yaml"));
		expect(chooseRegistry("mcp-gateway.json", folder).file).toBe(join(folder, "mcp-gateway.json"));
		expect(() => chooseRegistry("other.json", folder)).toThrow(/no registry file other\.json/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("a run folder is private and short", () => {
	const deep = join(tmpdir(), "x".repeat(100));
	const run = makeRunFolder({ XDG_RUNTIME_DIR: deep });
	expect(run.path.startsWith(deep)).toBe(false);
	expect(run.envoyAdmin.length).toBeLessThanOrEqual(103);
	run.remove();
});

test("text of others cannot take a terminal over", () => {
	expect(harmless("\u001b[2Ja\u001b]0;title\u0007b\rc\u0000\u007f\u009b31md\te\r\n\u00fc")).toBe("abcd\te\r\n\u00fc");
});

describe("lines", () => {
	test("are put together over chunks", async () => {
		const stream = new PassThrough();
		const lines: string[] = [];
		readLines(stream, (line) => lines.push(line));
		for (const chunk of ["a", "b\nc\n\nd", "e"]) stream.write(chunk);
		stream.end();
		await new Promise((resolve) => stream.once("close", resolve));
		expect(lines).toEqual(["ab", "c", "de"]);
	});

	test("are passed on whole", async () => {
		const stream = new PassThrough();
		const out = new PassThrough();
		const writes: string[] = [];
		out.on("data", (chunk) => writes.push(String(chunk)));
		passLines(stream, out);
		for (const chunk of ["one\ntw", "o", "\nthree\nfo"]) stream.write(chunk);
		await new Promise((resolve) => setTimeout(resolve, 20));
		expect(writes).toEqual(["one\n", "two\nthree\n"]);
	});
});

test("active requests are those of the listeners", () => {
	const stats =
		"http.admin.downstream_rq_active: 1\nhttp.gateway.downstream_rq_active: 2\nhttp.b.downstream_rq_active: 3\n";
	expect(activeRequests(stats)).toBe(5);
});

test("the welcome can be pasted", () => {
	const info = { url: "http://127.0.0.1:8080", adminUrl: "http://127.0.0.1:9090", servers: ["a", "b"], apiKey: true };
	const text = welcome(info, plain);
	const json: unknown = JSON.parse(/^\{$.*^\}$/ms.exec(text)?.[0] ?? "");
	const headers = { Authorization: "Bearer YOUR-API-KEY" };
	expect(json).toEqual({
		mcpServers: {
			a: { type: "http", url: "http://127.0.0.1:8080/a", headers },
			b: { type: "http", url: "http://127.0.0.1:8080/b", headers },
		},
	});
});

test("the status shows what is wrong", () => {
	const text = formatStatus(
		{
			ready: true,
			registry: { file: "r.yaml", loadedAt: 1000, errors: [{ file: "r.yaml", line: 3, col: 1, message: "no" }] },
			servers: [
				{ id: "a", type: "http", state: "serving", endpoints: [{ address: "h:1", health: "healthy" }] },
				{
					id: "b",
					type: "http",
					state: "serving",
					endpoints: [
						{ address: "h:2", health: "ejected", reason: "connections to it failed", requests: 3 },
						{ address: "h:3", health: "healthy", requests: 0 },
					],
					ejections: 2,
				},
				{ id: "k", type: "k8s", state: "unavailable", problem: "not yet" },
			],
			envoys: [{ id: "e", inSync: false }],
			processes: [{ name: "envoy", state: "running", pid: 7, restarts: 2, since: 0 }],
			bridges: [],
		},
		plain,
		61_000,
	);
	expect(text).not.toContain("Bridge");
	expect(text).toContain("r.yaml:3:1: no");
	expect(text).toMatch(/a +http +serving +h:1 healthy$/m);
	expect(text).toContain("h:2 ejected (connections to it failed), h:3 healthy (no traffic); ejections so far: 2");
	expect(text).toMatch(/k +k8s +unavailable +not yet/);
	expect(text).toContain("1 connected, 1 not up to date");
	expect(text).toMatch(/envoy +7 +running +61 s +2/);
});

const pod = { namespace: "mcp", ready: true, terminating: false, restarts: 0 };
const kubernetes = { namespace: "mcp", name: "a", managed: true, via: "endpoints" as const, conditions: [], pods: [] };

test("the status shows pods, what is wrong with one, and how the cluster is reached", () => {
	const crashed = { ...pod, name: "a-2", ready: false, problem: "crash loop, exit code 1" };
	const quota = { reason: "quota", message: "the quota of namespace mcp is used up" };
	const shown = (one: object, kubernetesLine = {}) =>
		formatStatus(
			{
				ready: true,
				controlPlane: "gw-1",
				registry: { file: "r.yaml", errors: [] },
				kubernetes: { source: "service account", inCluster: true, problems: [], ...kubernetesLine },
				servers: [{ id: "a", type: "k8s", state: "serving", kubernetes, ...one }],
				envoys: [],
				processes: [],
				bridges: [],
			},
			plain,
			61_000,
		);
	const replicas = { wanted: 2, ready: 1 };
	const well = shown({
		endpoints: [{ address: "10.0.0.1:8080", health: "healthy" }],
		kubernetes: { ...kubernetes, replicas, pods: [{ ...pod, name: "a-1" }, crashed] },
	});
	expect(well).toMatch(/^Kubernetes service account$/m);
	expect(well).toMatch(/a +k8s +serving +mcp\/a, 1 of 2 pods ready, a-2: crash loop, exit code 1$/m);

	const problem = "none of its pods is ready: crash loop, exit code 1";
	const failing = shown({ state: "failing", problem, kubernetes: { ...kubernetes, replicas, pods: [crashed] } });
	expect(failing).toMatch(/failing +none of its pods is ready: crash loop, exit code 1; mcp\/a, 0 of 2 pods ready$/m);

	const refused = shown({
		kubernetes: {
			...kubernetes,
			via: "service",
			conditions: [quota],
			pods: [{ ...pod, name: "a-1", terminating: true }],
		},
	});
	expect(refused).toMatch(/mcp\/a by its Service, 0 of 1 pods ready, the quota of namespace mcp is used up$/m);

	const outside = shown({}, { source: "kubeconfig k, context c", inCluster: false, problems: ["nobody answers"] });
	expect(outside).toMatch(/^Kubernetes kubeconfig k, context c; from outside the cluster pods are reached only where/m);
	expect(outside).toMatch(/^ {11}nobody answers$/m);
	const writer = (writes: boolean) =>
		shown({}, { writer: { identity: "gw-1_7_x", writes, holder: writes ? "gw-1_7_x" : "gw-2_7_y" } });
	expect(writer(true)).toMatch(/^Gateway {4}ready, says gw-1$/m);
	expect(writer(true)).toMatch(/^Kubernetes service account; changed by this control plane$/m);
	expect(writer(false)).toMatch(/^Kubernetes service account; changed by gw-2_7_y$/m);
	const none = shown({}, { source: undefined, problems: ["no cluster: there is no kubeconfig"] });
	expect(none).toMatch(/^Kubernetes no cluster\n {11}no cluster: there is no kubeconfig$/m);
});

test("pods are shown with the last words of those that crashed", () => {
	const pods = [
		{ ...pod, name: "a-1", address: "10.0.0.1", node: "n1" },
		{
			...pod,
			name: "a-2",
			ready: false,
			restarts: 3,
			problem: "crash loop",
			lastLines: ["no \u001b[31mconfig", "bye"],
		},
		{ ...pod, name: "a-3", ready: false, terminating: true },
	];
	expect(formatPods(pods, plain).split("\n")).toEqual([
		"POD  ADDRESS   NODE  STATE        RESTARTS  PROBLEM",
		"a-1  10.0.0.1  n1    ready        0",
		"a-2  -         -     not ready    3         crash loop",
		"a-3  -         -     terminating  0",
		"",
		"a-2 wrote before it ended:",
		"  no config",
		"  bye",
	]);
	expect(formatPods([], plain)).toBe("It has no pods.");
	expect(formatCrash("a", pods, plain)).toBe("\na, pod a-2 wrote before it ended:\n  no config\n  bye");
	expect(formatCrash("a", [], plain)).toBe("");
});

test("options of Kubernetes are checked, and reach the control plane as they were", () => {
	const given = { gatewayName: "gw", kubeContext: "c", kubeNamespaces: "a, b,a", charts: "/charts", kubeconfig: "/k" };
	const options = checkKubernetes(given);
	expect(options).toEqual({
		...{ gatewayName: "gw", context: "c", namespaces: ["a", "b"], charts: "/charts", kubeconfig: "/k" },
	});
	expect(kubernetesArgs(options)).toEqual([
		...["--kubeconfig", "/k", "--kube-context", "c", "--kube-namespaces", "a,b"],
		...["--gateway-name", "gw", "--charts", "/charts"],
	]);
	expect(checkKubernetes({ gatewayName: "gw" }).charts).toMatch(/\/charts$/);
	for (const kubeNamespaces of ["", "A", "a,b_", ","]) {
		expect(() => checkKubernetes({ gatewayName: "gw", kubeNamespaces })).toThrow("--kube-namespaces");
	}
	for (const gatewayName of ["", "-a", "a/b", "x".repeat(64)]) {
		expect(() => checkKubernetes({ gatewayName })).toThrow("--gateway-name");
	}
});

test("the status shows processes of stdio servers, and the words of those that do not start", () => {
	const pool = {
		mode: "auto" as const,
		sessions: 0,
		max: 5,
		waiting: 0,
		starts: 0,
		restarts: 0,
		startFailures: 0,
		deaths: 0,
		startSeconds: { buckets: [], sum: 0, count: 0 },
		limits: {},
		processes: [],
	};
	const process = { pid: 1, startedAt: "", calls: 0, worker: 0 };
	const processes = [
		{ ...process, state: "ready" as const, seats: 1 },
		{ ...process, state: "ready" as const, seats: 1 },
		{ ...process, state: "idle" as const, seats: 0 },
	];
	const unhealthy = { nextTryAt: new Date(63_500).toISOString() };
	const lastFailure = { at: new Date(58_000).toISOString(), reason: "r", detail: "exited:\nno \u001b[31mdatabase" };
	const text = formatStatus(
		{
			ready: true,
			registry: { file: "r.yaml", errors: [] },
			servers: [
				{
					id: "a",
					type: "stdio",
					state: "serving",
					endpoints: [{ address: "unix:/b-0.sock", health: "healthy" }],
					pool: {
						...pool,
						sessions: 2,
						maxSessions: 9,
						processes,
						waiting: 1,
						restarts: 3,
						limits: { memory: "none: x" },
					},
				},
				{
					id: "b",
					type: "stdio",
					state: "failing",
					problem: lastFailure.detail,
					pool: { ...pool, startFailures: 4, unhealthy, lastFailure },
				},
			],
			envoys: [],
			processes: [],
			bridges: [
				{ address: "unix:/b-0.sock", worker: 0, pid: 1, startedAt: "" },
				{ address: "unix:/b-1.sock", problem: "no answer within 1000 ms" },
			],
		},
		plain,
		61_000,
	);
	expect(text).toMatch(
		/a +stdio +serving +sessions 2 of 9, processes 3 of 5 \(2 ready, 1 idle\), waiting 1, restarts 3, memory: none: x$/m,
	);
	expect(text).toMatch(
		/b +stdio +failing +cannot be started, see below; sessions 0, processes 0 of 5, failed starts 4, next start in 3 s$/m,
	);
	expect(text).toContain("b could not be started 3 s ago:\n  exited:\n  no database");
	expect(text).toContain(
		"Bridge     2 workers, 1 without an answer\n           unix:/b-1.sock: no answer within 1000 ms",
	);
});
