import { request } from "node:http";

/** An open SSE stream, watched. */
export interface EventStream {
	/** Why it ended before it was closed here; undefined while it is open. */
	readonly cut: string | undefined;
	readonly chunks: number;
	/** Longest silence, in milliseconds. */
	readonly longestGap: number;
	close(): void;
}

/** Opens a stream and resolves with its first event. */
export function openStream(url: string): Promise<EventStream> {
	return new Promise((resolve, reject) => {
		const seen = { cut: undefined as string | undefined, chunks: 0, longestGap: 0 };
		let closed = false;
		let last = 0;
		const ended = (why: string) => {
			if (!closed) seen.cut ??= why;
		};
		const sent = request(url, { headers: { accept: "text/event-stream" } }, (response) => {
			if (response.statusCode !== 200) return reject(new Error(`${url}: ${response.statusCode}`));
			response.on("data", () => {
				const now = performance.now();
				if (seen.chunks > 0) seen.longestGap = Math.max(seen.longestGap, now - last);
				last = now;
				seen.chunks += 1;
				if (seen.chunks > 1) return;
				const close = () => {
					closed = true;
					sent.destroy();
				};
				resolve(Object.assign(seen, { close }));
			});
			response.on("end", () => ended("ended"));
			response.on("close", () => ended("closed"));
			response.on("error", (error) => ended(error.message));
		});
		sent.on("error", (error) => {
			ended(error.message);
			reject(error);
		});
		sent.end();
	});
}
