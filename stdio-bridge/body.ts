import type { IncomingMessage } from "node:http";

/** Reads a request's body. A declared length over the limit is refused without reading a byte of it. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | "too_large"> {
	if (Number(request.headers["content-length"] ?? 0) > maxBytes) return "too_large";
	const parts: Buffer[] = [];
	let size = 0;
	for await (const part of request.iterator({ destroyOnReturn: false })) {
		size += part.length;
		if (size > maxBytes) return "too_large";
		parts.push(part);
	}
	return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, size);
}
