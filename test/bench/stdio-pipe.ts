import { type ChildProcess, spawn } from "node:child_process";
import { type Caller, isAnswer } from "./stdio-client.ts";

/** Callers that share the pipe of a server, with nothing between: what the server itself can do. */
export function openPipe([program = "", ...args]: readonly string[], count: number): Caller[] {
	const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
	const waiting = new Map<number, (line: Buffer) => void>();
	readAnswers(child, waiting);
	let id = 1_000_000;
	let corked = false;
	const write = (line: string) => {
		if (!corked) {
			corked = true;
			child.stdin?.cork();
			process.nextTick(() => {
				corked = false;
				child.stdin?.uncork();
			});
		}
		child.stdin?.write(line);
	};
	return Array.from({ length: count }, () => ({
		call(done) {
			const own = ++id;
			const text = `says ${own}`;
			waiting.set(own, (line) => done(isAnswer(line, String(own), text) ? "ok" : "wrong"));
			write(
				`{"jsonrpc":"2.0","id":${own},"method":"tools/call","params":{"name":"echo","arguments":{"text":"${text}"}}}\n`,
			);
		},
		async close() {
			child.stdin?.end();
		},
	}));
}

function readAnswers({ stdout }: ChildProcess, waiting: Map<number, (line: Buffer) => void>): void {
	let rest: Buffer = Buffer.alloc(0);
	stdout?.on("data", (chunk: Buffer) => {
		const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		let start = 0;
		for (let end = all.indexOf(10); end !== -1; end = all.indexOf(10, start)) {
			const line = all.subarray(start, end);
			const id = Number(/"id":(\d+)/.exec(line.toString("latin1"))?.[1]);
			const take = waiting.get(id);
			waiting.delete(id);
			take?.(line);
			start = end + 1;
		}
		rest = all.subarray(start);
	});
}
