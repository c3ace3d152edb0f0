/** What clients get from stdio servers that misbehave, and what is left of those afterwards. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { RawClient } from "./raw-client.ts";

interface Row {
	readonly what: string;
	/** Mode of the fixture. */
	readonly mode: string;
	/** A method and its params, `initialize` for a new session; then what the client gets. */
	readonly steps: readonly (readonly [method: string, params: object, gets: string])[];
	/** What the last error tells besides. */
	readonly tells?: RegExp;
	readonly startTimeout?: string;
	readonly idleTimeout?: string;
}

const start = ["initialize", {}, "result"] as const;
const echo = ["echo", { text: "still here" }, "result"] as const;

const rows: readonly Row[] = [
	{ what: "behaves", mode: "none", steps: [start, echo] },
	{ what: "prints garbage", mode: "garbage", steps: [start, echo] },
	{ what: "writes lines in halves", mode: "half-lines", steps: [start, echo] },
	{ what: "ends without a last newline", mode: "none", steps: [start, ["answer-and-exit", {}, "result"]] },
	{
		what: "sends a line of 60 MiB, then one over the limit",
		mode: "none",
		steps: [start, ["huge", { size: 60 * 2 ** 20 }, "result"], ["huge", { size: 65 * 2 ** 20 }, "internal"], echo],
		tells: /more than 67108864 bytes/,
		// A client may take seconds for so much.
		idleTimeout: "10s",
	},
	{ what: "floods stderr", mode: "flood", steps: [start, echo] },
	{ what: "writes one endless line to stderr", mode: "long-stderr", steps: [start, echo] },
	{
		what: "never answers initialize",
		mode: "mute",
		startTimeout: "5s",
		steps: [["initialize", {}, "timeout"]],
		tells: /did not answer `initialize` within 5000 ms/,
	},
	{
		what: "exits on start",
		mode: "exit-on-start",
		steps: [["initialize", {}, "process_failed_to_start"]],
		tells: /exited with code 3.*cannot find the database/s,
	},
	{ what: "exits in a call", mode: "none", steps: [start, ["exit", {}, "process_died"]], tells: /code 7.*last words/s },
	{
		what: "is gone: its session is over, and the next one works",
		mode: "none",
		steps: [start, ["exit", {}, "process_died"], ["echo", {}, "session_lost"], start, echo],
	},
	{ what: "ignores SIGTERM", mode: "stubborn", steps: [start, echo] },
	{ what: "forks a grandchild that ignores SIGTERM", mode: "grandchild", steps: [start, echo] },
	{ what: "forks a grandchild into a session of its own", mode: "escaping", steps: [start, echo] },
	{
		what: "closes its stdout",
		mode: "none",
		steps: [start, ["close-stdout", {}, "process_died"]],
		tells: /closed its stdout/,
	},
	{
		what: "answers with a request's id and no result",
		mode: "none",
		steps: [start, ["no-result", {}, "internal"], echo],
	},
	{ what: "calls an answer what is none", mode: "none", steps: [start, ["odd-answer", {}, "result"], echo] },
	{ what: "refuses initialize", mode: "refuse", steps: [["initialize", {}, "-32602"]] },
];

const fixture = fileURLToPath(new URL("../../fixtures/stdio/raw.ts", import.meta.url));
const modes = ["session", "shared"] as const;
let gateway: Gateway;

const nameOf = (row: Row, mode: string) => `${mode}-${rows.indexOf(row)}`;
const pidFile = (row: Row, mode: string) => join(gateway.tempDir, `${nameOf(row, mode)}.pids`);

beforeAll(async () => {
	const entries = modes.flatMap((mode) =>
		rows.map((row) => {
			const { startTimeout = "30s", idleTimeout = "2s" } = row;
			const pool = { mode, idleTimeout, startTimeout };
			// Where the gateway runs is only known once it does.
			const cmd = [process.execPath, fixture, row.mode, `${nameOf(row, mode)}.pids`];
			return [nameOf(row, mode), { type: "stdio", cmd, pool }];
		}),
	);
	gateway = await startGateway({ registry: Object.fromEntries(entries) });
});
afterAll(() => gateway?.stop());

describe.each(modes)("%s", (mode) => {
	test.each(rows)("a server that $what", async (row) => {
		const client = new RawClient(gateway, nameOf(row, mode));
		const got: string[] = [];
		let detail: string | undefined;
		for (const [index, [method, params]] of row.steps.entries()) {
			const outcome = method === "initialize" ? await client.open() : await client.call(index, method, params);
			got.push(`${method}: ${outcome.text}`);
			detail = outcome.detail ?? detail;
		}
		expect(got, gateway.output().slice(-4000)).toEqual(row.steps.map(([method, , gets]) => `${method}: ${gets}`));
		if (row.tells !== undefined) expect(detail).toMatch(row.tells);
		await client.close();
		await eventually("all its processes to be gone", () =>
			pids(pidFile(row, mode)).every((pid) => !existsSync(`/proc/${pid}`)),
		);
		expect(pids(pidFile(row, mode))).not.toEqual([]);
	});
});

function pids(file: string): number[] {
	return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];
}
