import { rootCertificates } from "node:tls";
import type { ListenerIR } from "../../../control-plane/ir/model.ts";

/** The listener of the golden files. */
export const testListener: ListenerIR = {
	host: "127.0.0.1",
	port: 8080,
	allowOrigins: [],
	allowHosts: [],
	maxBodyBytes: 64 * 1024 * 1024,
	mcpFilter: true,
	accessLog: "-",
	tcpKeepAlive: true,
	trace: "generate",
	apiKeys: [],
};

/** One real certificate stands for the system's authorities. */
export const testRoots = rootCertificates[0] ?? "";
