import { experimental, ServerCredentials } from "@grpc/grpc-js";

/** PEM files of mutual TLS between control plane and Envoys; each side knows the other by one private authority. */
export interface XdsTlsFiles {
	readonly ca: string;
	readonly cert: string;
	readonly key: string;
}

/**
 * Name in the control plane's certificate. Envoy asks for it, so that the certificate of an Envoy, which the same
 * authority has signed, does not make a control plane.
 */
export const xdsServerName = "control-plane.mcp-gateway";

/** So often the files are read anew; connections that are open stay as they are. */
const refreshMs = 60_000;

/**
 * What a connection to the xDS port takes. With files: TLS, and a certificate that their authority has signed. The
 * port hands out the registry's secrets, so there is nothing in between. Without: whoever reaches the address, which
 * then is a Unix socket or this machine's.
 */
export function xdsCredentials(files: XdsTlsFiles | undefined): ServerCredentials {
	if (files === undefined) return ServerCredentials.createInsecure();
	const provider = new experimental.FileWatcherCertificateProvider({
		certificateFile: files.cert,
		privateKeyFile: files.key,
		caCertificateFile: files.ca,
		refreshIntervalMs: refreshMs,
	});
	return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}
