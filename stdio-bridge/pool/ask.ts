import type { Reason } from "../../control-plane/errors/catalogue.ts";
import type { Message } from "../messages/message.ts";
import type { Seat } from "./contract.ts";

/** What became of one request that somebody waits for. */
export type Asked =
	| { readonly ok: true; readonly answer: Buffer; readonly errorCode: number | undefined }
	| NotAnswered;

export type NotAnswered =
	| { readonly ok: false; readonly why: "time" }
	| { readonly ok: false; readonly why: "aborted" }
	| { readonly ok: false; readonly why: "failed"; readonly reason: Reason; readonly detail: string | undefined };

/** Sends a request and waits for its answer. `timeoutMs` 0 is for ever. Never rejects. */
export function ask(seat: Seat, request: Message, timeoutMs: number, signal?: AbortSignal): Promise<Asked> {
	return new Promise((resolve) => {
		const settle = (asked: Asked) => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", aborted);
			resolve(asked);
		};
		const giveUp = (why: "time" | "aborted") => {
			call.cancel();
			settle({ ok: false, why });
		};
		const aborted = () => giveUp("aborted");
		const call = seat.call(request, {
			onMessage() {},
			onAnswer: (answer, errorCode) => settle({ ok: true, answer, errorCode }),
			onFailure: (reason, detail) => settle({ ok: false, why: "failed", reason, detail }),
			onCancelled() {},
		});
		const timer = timeoutMs === 0 ? undefined : setTimeout(() => giveUp("time"), timeoutMs);
		signal?.addEventListener("abort", aborted, { once: true });
		if (signal?.aborted) aborted();
	});
}
