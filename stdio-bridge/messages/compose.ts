/**
 * The messages that the bridge makes itself, as bytes without a newline. `idText` and whatever ends in `Json` is JSON
 * as it is to be spelled, without a newline; an id is mostly what `textOf` gave.
 */

/** Takes a request back: https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation */
export function cancelled(requestIdText: string, reason?: string): Buffer {
	const more = reason === undefined ? "" : `,"reason":${JSON.stringify(reason)}`;
	const params = `{"requestId":${requestIdText}${more}}`;
	return Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`);
}

export function request(idText: string, method: string, paramsJson: string): Buffer {
	return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"method":${JSON.stringify(method)},"params":${paramsJson}}`);
}

export function response(idText: string, resultJson: string): Buffer {
	return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"result":${resultJson}}`);
}

/** `idText` is `null` where the request's id could not be read. `data` is left out if undefined. */
export function errorResponse(idText: string, code: number, message: string, data?: unknown): Buffer {
	return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify({ code, message, data })}}`);
}
