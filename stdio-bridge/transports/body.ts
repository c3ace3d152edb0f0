import type { IncomingMessage } from "node:http";

/**
 * Reads a request's body. A declared length over the limit is refused without reading a byte of it; without a
 * declared length reading ends at the limit. Rejects where the client goes before the body's end.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | "too_large"> {
	if (Number(request.headers["content-length"] ?? 0) > maxBytes) return "too_large";
	// What came in one piece with the head is parsed before this goes on, and there is nothing to listen for.
	await undefined;
	if (request.complete && request.readableLength <= maxBytes) return request.read() ?? empty;
	return readStream(request, maxBytes);
}

const empty = Buffer.alloc(0);

function readStream(request: IncomingMessage, maxBytes: number): Promise<Buffer | "too_large"> {
	return new Promise((resolve, reject) => {
		const parts: Buffer[] = [];
		let size = 0;
		const settle = (body: Buffer | "too_large") => {
			request.off("data", onData).off("end", onEnd).off("error", reject).off("close", onClose);
			resolve(body);
		};
		const onData = (part: Buffer) => {
			size += part.length;
			if (size <= maxBytes) return void parts.push(part);
			request.pause();
			settle("too_large");
		};
		const onEnd = () => settle(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, size));
		const onClose = () => reject(new Error("The client closed the connection within the body."));
		request.on("data", onData).on("end", onEnd).on("error", reject).on("close", onClose);
	});
}
