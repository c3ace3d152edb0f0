import type { IncomingHttpHeaders } from "node:http";
import { memberOf } from "../messages/member.ts";
import type { Message } from "../messages/message.ts";
import { jsonOf } from "../messages/rewrite.ts";
import type { Seat } from "../pool/contract.ts";
import { askServer } from "./ask-server.ts";
import { type ParamHeader, paramHeaders, paramHeadersFault } from "./param-headers.ts";
import type { RequestFault } from "./request-headers.ts";

/** The process tells nobody but those who subscribed that its tools changed, so they are read again now and then. */
const freshMs = 60_000;
/** What is so fresh is not read again because of a call that does not fit it. */
const justReadMs = 1000;
const maxPages = 100;

/** Which headers a server's tools ask for, as its processes list them. */
export class ToolHeaders {
	#tools = new Map<string, readonly ParamHeader[]>();
	#readAt = Number.NEGATIVE_INFINITY;
	/** The process did not answer, so calls do not wait for it again so soon. */
	#silent = false;
	#reading: Promise<void> | undefined;

	/** Why the headers do not fit the arguments of this call, or undefined where they do. Asks the process if need be. */
	async fault(
		tool: string,
		call: Message,
		headers: IncomingHttpHeaders,
		seat: Seat,
		signal: AbortSignal,
	): Promise<RequestFault | undefined> {
		if (this.#age > freshMs) await this.#read(seat, signal);
		if (!this.#tools.has(tool) && !this.#silent && this.#age > justReadMs) await this.#read(seat, signal);
		const fault = this.#faultNow(tool, call, headers);
		// The client may know a newer list.
		if (fault === undefined || this.#age <= justReadMs) return fault;
		await this.#read(seat, signal);
		return this.#faultNow(tool, call, headers);
	}

	get #age(): number {
		return performance.now() - this.#readAt;
	}

	#faultNow(tool: string, call: Message, headers: IncomingHttpHeaders): RequestFault | undefined {
		const declared = this.#tools.get(tool) ?? [];
		if (declared.length === 0 || call.params === undefined) return undefined;
		const args = memberOf(call.bytes, call.params, "arguments");
		return args && paramHeadersFault(declared, jsonOf(call, args), headers);
	}

	/** Those who come meanwhile wait for the same list, and ask themselves if its asker has gone. */
	async #read(seat: Seat, signal: AbortSignal): Promise<void> {
		const others = this.#reading;
		this.#reading ??= this.#list(seat, signal).finally(() => {
			this.#reading = undefined;
		});
		await this.#reading;
		if (others !== undefined && this.#age > freshMs && !signal.aborted) await this.#read(seat, signal);
	}

	async #list(seat: Seat, signal: AbortSignal): Promise<void> {
		const tools = new Map<string, readonly ParamHeader[]>();
		let cursor: unknown;
		for (let page = 0; page < maxPages; page++) {
			const result = await askServer(seat, "tools/list", cursor === undefined ? {} : { cursor }, signal);
			// The next one asks again.
			if (result === "gone") return;
			this.#silent = result === "silent";
			if (result === "silent") break;
			const listed = result["tools"];
			for (const { name, inputSchema } of Array.isArray(listed) ? (listed as Listed[]) : []) {
				if (typeof name === "string") tools.set(name, paramHeaders(inputSchema));
			}
			cursor = result["nextCursor"];
			if (cursor === undefined) break;
		}
		this.#tools = tools;
		this.#readAt = performance.now();
	}
}

interface Listed {
	readonly name?: unknown;
	readonly inputSchema?: unknown;
}
