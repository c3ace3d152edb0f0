import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import type { EnvoyLogLevel } from "../../envoy/process.ts";
import { TOKEN_VARIABLE, tokenSource } from "../admin/token.ts";
import type { TraceIR } from "../ir/model.ts";
import type { KubernetesOptions } from "../kubernetes/kubernetes.ts";
import { apiKeysVariable } from "../registry/api-keys.ts";
import { formatErrors } from "../registry/format.ts";
import { parseSize } from "../registry/size.ts";
import { type ApiKeyPlaces, loadApiKeys } from "../sources/api-key-source.ts";
import { certificateNames, readCertificate, type TlsFiles } from "../sources/certificate.ts";
import { formatAddress, httpUrl, isLoopback, parseTcp, type TcpAddress } from "./address.ts";
import { failure, usage } from "./errors.ts";
import { checkKubernetes, type KubernetesArgs } from "./kubernetes-options.ts";

/** What a person wants of `up` and `control-plane` alike: how the gateway is reached and what it lets in. */
export interface ServingOptions extends KubernetesArgs {
	readonly listen: string;
	readonly admin: string;
	readonly adminTokenFile?: string | undefined;
	readonly insecure: boolean;
	readonly apiKeyFile?: string | undefined;
	readonly tlsCert?: string | undefined;
	readonly tlsKey?: string | undefined;
	readonly tlsClientCa?: string | undefined;
	readonly allowOrigin: readonly string[];
	readonly allowHost: readonly string[];
	readonly maxBody: string;
	readonly accessLog: string;
	readonly mcpFilter: boolean;
	readonly traceparent: boolean;
	readonly otelEndpoint?: string | undefined;
	readonly otelSample: number;
}

/** {@link ServingOptions}, checked. */
export interface Serving {
	readonly listen: TcpAddress;
	readonly admin: TcpAddress;
	readonly maxBodyBytes: number;
	readonly trace: TraceIR;
	readonly kubernetes: KubernetesOptions;
	/** Where the keys of clients are, which have been found without fault; left out: no key is asked for. */
	readonly apiKeys?: ApiKeyPlaces;
	/** Left out: plain HTTP. Paths are absolute. */
	readonly tls?: { readonly files: TlsFiles; readonly leaf: X509Certificate };
}

/** Options that only `up` has. */
export interface UpOptions extends ServingOptions {
	readonly registry?: string | undefined;
	readonly json: boolean;
	readonly concurrency?: number | undefined;
	readonly envoyLogLevel: EnvoyLogLevel;
	readonly drainTime: number;
}

/** Checks how the gateway is to be reached; throws a usage error for what would be unsafe or cannot be. */
export function checkServing(options: ServingOptions, env: NodeJS.ProcessEnv): Serving {
	const listen = tcp(options.listen, "--listen");
	const admin = tcp(options.admin, "--admin");
	const apiKeys = checkApiKeys({ file: options.apiKeyFile, text: env[apiKeysVariable] }, env);
	if (!isLoopback(listen) && apiKeys === undefined && options.tlsClientCa === undefined && !options.insecure) {
		throw usage(
			`--listen ${options.listen} opens the gateway to the network, where anyone could then start processes on this machine. ` +
				`Name a file with the keys that clients must send (--api-key-file FILE, or the variable ${apiKeysVariable}), ask for their certificates (--tls-client-ca FILE), or say --insecure if something else protects it.`,
		);
	}
	const token = tokenSource(options.adminTokenFile, env);
	if (!isLoopback(admin) && token === undefined) {
		throw usage(
			`--admin ${options.admin} is refused: beyond this machine the admin API needs a token. ` +
				`Name a file that holds one (--admin-token-file FILE), set ${TOKEN_VARIABLE}, or stay on 127.0.0.1:PORT.`,
		);
	}
	try {
		token?.();
	} catch (error) {
		throw failure(`The admin API's token cannot be read: ${(error as Error).message}.`);
	}
	if (listen.port !== 0 && formatAddress(listen) === formatAddress(admin)) {
		throw usage(`--listen and --admin are both ${formatAddress(listen)}; they need different ports.`);
	}
	const tls = checkTls(options);
	const maxBodyBytes = maxBody(options.maxBody);
	const trace = checkTrace(options);
	const kubernetes = checkKubernetes(options);
	return {
		listen,
		admin,
		maxBodyBytes,
		trace,
		kubernetes,
		...(apiKeys !== undefined && { apiKeys }),
		...(tls !== undefined && { tls }),
	};
}

/** Reads the keys once, so that faults are told at once and not by a child. */
function checkApiKeys(places: ApiKeyPlaces, env: NodeJS.ProcessEnv): ApiKeyPlaces | undefined {
	if (places.file === undefined && places.text === undefined) return undefined;
	const result = loadApiKeys(places, { env, readFile: (path) => readFileSync(path, "utf8") });
	if (!result.ok) throw failure(`The API keys are faulty:\n${formatErrors(result.errors)}`);
	return places;
}

function checkTrace({ traceparent, otelEndpoint, otelSample }: ServingOptions): TraceIR {
	if (!(otelSample >= 0 && otelSample <= 100)) throw usage(`--otel-sample takes a percentage, 0 to 100.`);
	if (otelEndpoint === undefined) return traceparent ? "generate" : "pass";
	const url = URL.canParse(otelEndpoint) ? new URL(otelEndpoint) : undefined;
	if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
		throw usage(
			"--otel-endpoint takes the URL of an OTLP receiver over HTTP, as in http://127.0.0.1:4318 or https://otel.example/v1/traces; " +
				"credentials are for a collector of yours to add.",
		);
	}
	if (url.pathname === "/") url.pathname = "/v1/traces";
	return { url: url.href, samplePercent: otelSample };
}

/** Reads the certificate, so that a faulty one is told before anything runs. */
function checkTls({ tlsCert, tlsKey, tlsClientCa }: ServingOptions): Serving["tls"] {
	if (tlsCert === undefined && tlsKey === undefined) {
		if (tlsClientCa === undefined) return undefined;
		throw usage(
			"--tls-client-ca asks for HTTPS: name the gateway's own certificate too, --tls-cert FILE --tls-key FILE.",
		);
	}
	if (tlsCert === undefined) throw usage("--tls-key needs the certificate that it belongs to: --tls-cert FILE.");
	if (tlsKey === undefined) throw usage("--tls-cert needs the certificate's private key: --tls-key FILE.");
	const clientCa = tlsClientCa === undefined ? {} : { clientCa: resolve(tlsClientCa) };
	const files: TlsFiles = { cert: resolve(tlsCert), key: resolve(tlsKey), ...clientCa };
	try {
		return { files, leaf: readCertificate(files).leaf };
	} catch (error) {
		throw failure(`HTTPS: ${(error as Error).message}`);
	}
}

/**
 * URL under which clients reach the gateway. With TLS its host is one that the certificate is for, since a client
 * refuses any other: the listener's address, `localhost` where that is meant, else the certificate's first plain name.
 */
export function gatewayUrl({ listen, tls }: Pick<Serving, "listen" | "tls">): string {
	const plain = new URL(httpUrl(listen));
	if (tls === undefined) return plain.origin;
	const host = plain.hostname.replace(/^\[|\]$/g, "");
	const name =
		tls.leaf.checkIP(host) !== undefined
			? undefined
			: isLoopback({ host, port: listen.port }) && tls.leaf.checkHost("localhost") !== undefined
				? "localhost"
				: certificateNames(tls.leaf).find((name) => isIP(name) === 0 && !name.includes("*"));
	return `https://${name === undefined ? plain.host : `${name}:${listen.port}`}`;
}

/** The value of --max-body. */
export function maxBody(text: string): number {
	const bytes = parseSize(text) ?? 0;
	if (bytes < 1 || bytes > 0xffffffff) {
		throw usage(`--max-body takes a size up to 4 GiB as in 64MiB or 65536, not "${text}".`);
	}
	return bytes;
}

/** Reads HOST:PORT where Envoy or we bind it: an IP address, since a name may stand for any number of them. */
function tcp(text: string, option: string): TcpAddress {
	let address: TcpAddress;
	try {
		address = parseTcp(text);
	} catch (error) {
		throw usage(`${option}: ${(error as Error).message}`);
	}
	if (isIP(address.host) === 0)
		throw usage(`${option} takes an IP address or localhost, not the name "${address.host}".`);
	return address;
}
