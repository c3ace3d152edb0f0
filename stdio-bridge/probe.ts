import type { ProbeResult, Tried } from "../control-plane/detection/finding.ts";
import {
	type Answer,
	discover,
	errorCode,
	initialize,
	isAnswerTo,
	mergeAnswers,
	type Question,
	readAnswer,
} from "../control-plane/detection/messages.ts";
import { isObject } from "./messages/is-object.ts";
import { type ChildCommand, type Exit, type StopTimes, startChild } from "./processes/child.ts";
import { describeExit } from "./processes/exit.ts";
import type { Guard } from "./processes/guard.ts";

export interface ProbeStdioOptions {
	readonly command: ChildCommand;
	/** Program as the registry has it; the command's own may hold what a placeholder stands for. */
	readonly label: string;
	readonly guard: Guard;
	readonly stop: StopTimes;
	/** From the start of a process to its last answer. */
	readonly timeoutMs: number;
	readonly signal: AbortSignal;
	readonly onTried?: (tried: Tried) => void;
	readonly onStderrLine?: (line: string, pid: number) => void;
}

const maxLineBytes = 1024 * 1024;
/** Some servers never answer a method that they do not know; they get the next question all the same. */
const patienceMs = 5000;

/**
 * Finds out which revisions a program speaks, in processes of its own that are gone at the end. `server/discover`
 * comes first; where that is refused or not answered the same process gets `initialize`, and where the process ended
 * on it, or speaks a revision from 2026-07-28 on and may know older ones, a fresh one does. Never throws.
 */
export async function probeStdio(options: ProbeStdioOptions): Promise<ProbeResult> {
	const tried: Tried[] = [];
	const note = (question: Question, outcome: string) => {
		const one = { what: `${options.label} ${question.method}`, outcome };
		tried.push(one);
		options.onTried?.(one);
	};
	const first = await interview([discover, initialize], options, note);
	const settled = first.asked.has(initialize) && !first.ended;
	const again = settled || first.failed || options.signal.aborted ? [] : await freshInterview(options, note);
	const answers = [...first.answers, ...again];
	if (answers.length === 0) return { tried };
	return { finding: { transport: "stdio", ...mergeAnswers(answers) }, tried };
}

async function freshInterview(options: ProbeStdioOptions, note: Note): Promise<readonly Answer[]> {
	return (await interview([initialize], options, note)).answers;
}

type Note = (question: Question, outcome: string) => void;

interface Interview {
	readonly answers: readonly Answer[];
	readonly asked: ReadonlySet<Question>;
	/** The process ended by itself. */
	readonly ended: boolean;
	/** There was none. */
	readonly failed: boolean;
}

/** One process and its answers. */
async function interview(questions: readonly Question[], options: ProbeStdioOptions, note: Note): Promise<Interview> {
	const { command, guard, stop, timeoutMs, signal } = options;
	const lines = new Inbox();
	const started = await startChild(command, {
		guard,
		stop,
		maxLineBytes,
		onLine: (line) => lines.push(parse(line.toString("utf8"))),
		onStderrLine: (line, pid) => options.onStderrLine?.(line, pid),
		onEnd: (exit) => lines.end(exit),
	});
	const asked = new Set<Question>();
	const answers: Answer[] = [];
	if (!started.ok) {
		if (questions[0]) note(questions[0], `cannot be run: ${started.code}`);
		return { answers, asked, ended: false, failed: true };
	}
	const { child } = started;
	const deadline = performance.now() + timeoutMs;
	const left = () => Math.max(0, deadline - performance.now());
	for (const question of questions) {
		asked.add(question);
		child.send(Buffer.from(JSON.stringify(question.message)));
		const waitMs = question === questions.at(-1) ? left() : Math.min(patienceMs, timeoutMs / 2);
		const got = await lines.next((message) => meant(message, question, asked), waitMs, signal);
		if (typeof got === "string" || "exit" in got) {
			note(question, outcomeOf(got));
			if (got === "time") continue;
			break;
		}
		const answered = isAnswerTo(question, got.message) ? question : discover;
		const answer = readAnswer(answered, got.message);
		note(answered, answer?.revisions.join(", ") ?? errorCode(got.message) ?? "an answer that is none of MCP's");
		if (answer === undefined) continue;
		answers.push(answer);
		break;
	}
	const ended = lines.ended;
	await child.stop();
	return { answers, asked, ended, failed: false };
}

/** Any answer to this question, or a good one to a question before it: a slow start answers both, in their order. */
function meant(message: unknown, question: Question, asked: ReadonlySet<Question>): boolean {
	if (isAnswerTo(question, message)) return true;
	return [...asked].some((one) => isAnswerTo(one, message) && readAnswer(one, message) !== undefined);
}

function outcomeOf(got: "time" | "aborted" | { readonly exit: Exit }): string {
	if (got === "aborted") return "given up";
	return got === "time" ? "no answer in time" : describeExit(got.exit);
}

type Received = { readonly message: Record<string, unknown> } | { readonly exit: Exit } | "time" | "aborted";

/** What a process has said, waited for one by one. */
class Inbox {
	#messages: unknown[] = [];
	#exit: Exit | undefined;
	#wake: (() => void) | undefined;

	get ended(): boolean {
		return this.#exit !== undefined;
	}

	push(message: unknown): void {
		this.#messages.push(message);
		this.#wake?.();
	}

	end(exit: Exit): void {
		this.#exit = exit;
		this.#wake?.();
	}

	/** The next message that is wanted; others are dropped. */
	next(wanted: (message: unknown) => boolean, timeoutMs: number, signal: AbortSignal) {
		return new Promise<Received>((resolve) => {
			const settle = (received: Received) => {
				clearTimeout(timer);
				signal.removeEventListener("abort", aborted);
				this.#wake = undefined;
				resolve(received);
			};
			const aborted = () => settle("aborted");
			const timer = setTimeout(() => settle("time"), timeoutMs);
			signal.addEventListener("abort", aborted, { once: true });
			this.#wake = () => {
				for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift()) {
					if (isObject(message) && wanted(message)) return settle({ message });
				}
				if (this.#exit !== undefined) settle({ exit: this.#exit });
			};
			if (signal.aborted) aborted();
			else this.#wake();
		});
	}
}

function parse(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return null;
	}
}
