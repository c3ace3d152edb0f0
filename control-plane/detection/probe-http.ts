import type { IncomingHttpHeaders } from "node:http";
import type { ServingServer } from "../ir/model.ts";
import { eventsIn } from "./event-stream.ts";
import type { Finding, ProbeResult, Tried } from "./finding.ts";
import { type Exchange, type ExchangeRequest, exchange, type Origin } from "./http-exchange.ts";
import {
	type Answer,
	discover,
	errorCode,
	initialize,
	isAnswerTo,
	mergeAnswers,
	type Question,
	readAnswer,
} from "./messages.ts";

/** Endpoints of one server, as Envoy would be told of them. */
export interface HttpTarget {
	/** Tried in their order until one answers. */
	readonly endpoints: readonly (Origin & {
		/** The URL as the entry has it, placeholders and all. */
		readonly label: string;
	})[];
	readonly headers: Readonly<Record<string, string>>;
	/** Path that the entry says. */
	readonly path: string;
}

export interface ProbeOptions {
	/** For each answer. */
	readonly timeoutMs: number;
	readonly signal: AbortSignal;
	/** Told of everything that is tried as soon as its outcome is known. */
	readonly onTried?: (tried: Tried) => void;
}

/** Where requests to a server go, for probing it. `labels` are its endpoints as the entry has them. */
export function httpTarget({ upstream, route }: ServingServer, labels: readonly string[]): HttpTarget {
	return {
		endpoints: upstream.endpoints.map(({ address, hostname }, index) => ({
			address,
			hostname,
			label: labels[index] ?? hostname,
			...(upstream.tls === undefined ? {} : { tls: upstream.tls }),
		})),
		headers: Object.fromEntries(upstream.headers.map(({ name, value }) => [name.toLowerCase(), value])),
		path: route.path,
	};
}

/**
 * Finds out whether and how MCP is spoken at an endpoint: Streamable HTTP (`server/discover` for the revisions from
 * 2026-07-28 on, `initialize` for those before) at its path and, where that is `/`, at `/mcp`; then HTTP+SSE, there
 * and at `/sse`. Leaves no session behind. Never throws.
 */
export async function probeHttp(target: HttpTarget, options: ProbeOptions): Promise<ProbeResult> {
	const tried: Tried[] = [];
	const note = (what: string, outcome: string) => {
		tried.push({ what, outcome });
		options.onTried?.({ what, outcome });
	};
	for (const endpoint of target.endpoints) {
		const finding = await probeEndpoint(endpoint, endpoint.label, target, options, note);
		if (finding !== undefined) return { finding, tried };
	}
	return { tried };
}

type Note = (what: string, outcome: string) => void;

async function probeEndpoint(
	origin: Origin,
	label: string,
	target: HttpTarget,
	options: ProbeOptions,
	note: Note,
): Promise<Finding | undefined> {
	const guess = target.path === "/";
	const at = (path: string) => (guess ? label.replace(/\/$/, "") + (path === "/" ? "/" : path) : label);
	let guarded: Finding | undefined;
	for (const path of guess ? ["/", "/mcp"] : [target.path]) {
		const found = await probeStreamable(origin, path, at(path), target, options, note);
		if (found === "unreachable") return undefined;
		// Many a proxy asks for credentials at any path: one that answers without is the better guess.
		if (found?.authorization) guarded ??= found;
		else if (found !== undefined) return found;
	}
	if (guarded !== undefined) return guarded;
	for (const path of guess ? ["/", "/sse"] : [target.path]) {
		const found = await probeEventStream(origin, path, at(path), target, options, note);
		if (found !== undefined) return found;
	}
	return undefined;
}

async function probeStreamable(
	origin: Origin,
	path: string,
	url: string,
	target: HttpTarget,
	options: ProbeOptions,
	note: Note,
): Promise<Finding | "unreachable" | undefined> {
	const answers: Answer[] = [];
	let silent = 0;
	for (const question of [discover, initialize]) {
		const got = await ask(origin, path, question, target, options);
		const { answer, outcome } = readExchange(question, got);
		note(`POST ${url} ${question.method}`, outcome);
		if (answer !== undefined) answers.push(answer);
		else if (isGuarded(got)) return { transport: "streamable-http", path, revisions: [], authorization: true };
		else if (!got.ok && !got.silent) return "unreachable";
		else if (!got.ok) silent += 1;
		if (got.ok && question === initialize) await endSession(origin, path, got.headers, answer, target, options);
	}
	if (answers.length > 0) return { transport: "streamable-http", path, ...mergeAnswers(answers) };
	return silent === 2 ? "unreachable" : undefined;
}

function ask(
	origin: Origin,
	path: string,
	question: Question,
	target: HttpTarget,
	options: ProbeOptions,
): Promise<Exchange> {
	return exchange(origin, {
		method: "POST",
		path,
		body: JSON.stringify(question.message),
		headers: {
			"content-type": "application/json",
			accept: "application/json, text/event-stream",
			...question.headers,
			...target.headers,
		},
		...bounds(options),
		enough: (text, headers) => isEventStream(headers) && answerIn(question, text, headers) !== undefined,
	});
}

/** A session that `initialize` has opened is of no use to anyone. */
async function endSession(
	origin: Origin,
	path: string,
	headers: IncomingHttpHeaders,
	answer: Answer | undefined,
	target: HttpTarget,
	options: ProbeOptions,
): Promise<void> {
	const id = headers["mcp-session-id"];
	if (typeof id !== "string") return;
	await exchange(origin, {
		method: "DELETE",
		path,
		headers: {
			"mcp-session-id": id,
			...(answer?.revisions[0] === undefined ? {} : { "mcp-protocol-version": answer.revisions[0] }),
			...target.headers,
		},
		...bounds(options),
		enough: () => true,
	});
}

/** https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse */
async function probeEventStream(
	origin: Origin,
	path: string,
	url: string,
	target: HttpTarget,
	options: ProbeOptions,
	note: Note,
): Promise<Finding | undefined> {
	const hasEndpoint = (text: string) => eventsIn(text).some(({ event }) => event === "endpoint");
	const got = await exchange(origin, {
		method: "GET",
		path,
		headers: { accept: "text/event-stream", ...target.headers },
		...bounds(options),
		enough: (text, headers) => !isEventStream(headers) || hasEndpoint(text),
	});
	const what = `GET ${url} as an event stream`;
	if (got.ok && got.status === 200 && isEventStream(got.headers) && hasEndpoint(got.text)) {
		note(what, "HTTP+SSE");
		return { transport: "sse", path, revisions: ["2024-11-05"] };
	}
	note(what, got.ok ? describe(got) : got.problem);
	return isGuarded(got) ? { transport: "sse", path, revisions: [], authorization: true } : undefined;
}

function bounds({ timeoutMs, signal }: ProbeOptions): Pick<ExchangeRequest, "timeoutMs" | "signal"> {
	return { timeoutMs, signal };
}

function readExchange(question: Question, got: Exchange): { answer?: Answer; outcome: string } {
	if (!got.ok) return { outcome: got.problem };
	const message = answerIn(question, got.text, got.headers);
	const answer = message === undefined ? undefined : readAnswer(question, message);
	if (answer !== undefined) return { answer, outcome: answer.revisions.join(", ") };
	return { outcome: describe(got) };
}

function answerIn(question: Question, text: string, headers: IncomingHttpHeaders): Record<string, unknown> | undefined {
	const texts = isEventStream(headers) ? eventsIn(text).map(({ data }) => data) : [text];
	return texts.map(parse).find((message) => isAnswerTo(question, message));
}

function isEventStream(headers: IncomingHttpHeaders): boolean {
	return /^text\/event-stream\b/i.test(headers["content-type"] ?? "");
}

function isGuarded(got: Exchange): boolean {
	return got.ok && (got.status === 401 || got.status === 403);
}

/** An answer that is not what was hoped for, in a few words and without its text. */
function describe({ status, headers, text }: Extract<Exchange, { ok: true }>): string {
	const { location } = headers;
	if (status >= 300 && status < 400 && location !== undefined) {
		// What follows the path may be a secret of somebody's.
		return `HTTP ${status} to ${location.split(/[?#]/, 1)[0]?.slice(0, 200)}, which is not followed: write that address`;
	}
	if (status === 401 || status === 403) return `HTTP ${status}, asks for authorization`;
	const type = headers["content-type"]?.split(";", 1)[0]?.slice(0, 80);
	return [`HTTP ${status}`, errorCode(parse(text)) ?? type].filter((part) => part !== undefined).join(", ");
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
