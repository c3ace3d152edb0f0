import { isIP } from "node:net";

/** A Unix socket, or a TCP host and port. */
export type Address = SocketAddress | TcpAddress;

export interface SocketAddress {
	readonly path: string;
}

export interface TcpAddress {
	readonly host: string;
	readonly port: number;
}

/** Kernels take no longer paths for Unix sockets: 104 bytes with the closing zero on macOS, 108 on Linux. */
export const MAX_SOCKET_PATH = 103;

/** Reads `unix:/path`, `HOST:PORT`, `[IPv6]:PORT`, `:PORT` or `PORT`; throws an Error that says what is wrong. */
export function parseAddress(text: string): Address {
	if (!text.startsWith("unix:")) return parseTcp(text);
	const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
	if (!path.startsWith("/")) throw new Error(`"${text}" needs an absolute path, as in unix:/run/mcp-gateway/xds.sock.`);
	if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
		throw new Error(`The path in "${text}" is longer than the ${MAX_SOCKET_PATH} bytes that Unix sockets allow.`);
	}
	return { path };
}

/** Reads the TCP forms of {@link parseAddress}; a host that is left out is 127.0.0.1, and so is `localhost`. */
export function parseTcp(text: string): TcpAddress {
	const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
	const port = Number(match?.[3]);
	if (match === null || port > 65535) {
		throw new Error(`"${text}" is not HOST:PORT, as in 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080.`);
	}
	if (match[1] !== undefined && isIP(match[1]) !== 6)
		throw new Error(`"${match[1]}" in "${text}" is not an IPv6 address.`);
	const host = match[1] ?? match[2] ?? "";
	return { host: host === "" || host === "localhost" ? "127.0.0.1" : host, port };
}

/** The text that {@link parseAddress} reads back. */
export function formatAddress(address: Address): string {
	if ("path" in address) return `unix:${address.path}`;
	return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

/** True where only this machine can connect. */
export function isLoopback(address: Address): boolean {
	if ("path" in address) return true;
	const { host } = address;
	return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** `http://` URL under which this machine reaches a TCP address; a wildcard host becomes the loopback one. */
export function httpUrl(address: TcpAddress): string {
	const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
	return `http://${formatAddress({ host, port: address.port })}`;
}
