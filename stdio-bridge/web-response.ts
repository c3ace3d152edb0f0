import type { ServerResponse } from "node:http";

export interface PumpEvents {
	/** The client does not take more for now. Always followed by `flowing`. */
	blocked(): void;
	flowing(): void;
}

/** Writes a web `Response`, as the SDK's transport makes it, to Node's; resolves when one of them has ended. */
export async function sendWebResponse(web: Response, response: ServerResponse, events: PumpEvents): Promise<void> {
	const headers = Object.fromEntries(web.headers);
	if (!web.body) {
		response.writeHead(web.status, { ...headers, "content-length": 0 }).end();
		return;
	}
	response.writeHead(web.status, headers);
	const reader = web.body.getReader();
	const cancel = () => void reader.cancel().catch(() => {});
	if (response.destroyed) cancel();
	response.once("close", cancel);
	// A stream without a message yet must still show that it is open.
	response.flushHeaders();
	for (;;) {
		const { done, value } = await reader.read();
		if (done || response.destroyed) break;
		if (!response.write(value) && !response.destroyed) {
			events.blocked();
			await drainOrClose(response);
			events.flowing();
		}
	}
	response.off("close", cancel);
	if (!response.destroyed) response.end();
}

function drainOrClose(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			response.off("drain", done);
			response.off("close", done);
			resolve();
		};
		response.on("drain", done);
		response.on("close", done);
	});
}
