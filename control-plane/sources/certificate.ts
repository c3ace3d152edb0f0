/** The gateway's own certificate: read from its files, and checked before anything is given up for it. */
import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import type { ListenerTlsIR } from "../ir/model.ts";
import { certificateBlocks } from "../ir/pem.ts";
import { type FileWords, readTextFile } from "./read-file.ts";

/** Paths of PEM files. */
export interface TlsFiles {
	readonly cert: string;
	readonly key: string;
	/** Authorities that sign the certificates of clients. */
	readonly clientCa?: string;
}

/** A certificate that fits its key. Holds the key. */
export interface Certificate {
	readonly tls: ListenerTlsIR;
	/** The server's own, first in its file. */
	readonly leaf: X509Certificate;
}

/** What may be shown of a certificate. */
export interface CertificateFacts {
	readonly subject: string;
	/** DNS names and addresses it is for. */
	readonly names: readonly string[];
	/** ISO 8601. */
	readonly notBefore: string;
	readonly notAfter: string;
	/** Expired, or not valid yet; it is served all the same. */
	readonly problem?: string;
}

/** Curves that Envoy's TLS takes. */
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Reads all files and checks that they fit. @throws Error with one sentence that names the file and says what to do. */
export function readCertificate(files: TlsFiles): Certificate {
	const { pem: certPem, certificates } = readCertificates(files.cert, { noun: "certificate", option: "--tls-cert" });
	const [leaf] = certificates as [X509Certificate, ...X509Certificate[]];
	const { key, pem: keyPem } = readKey(files.key);
	const owner = certificates.findIndex((certificate) => certificate.checkPrivateKey(key));
	if (owner === -1) {
		throw new Error(`${files.key} is not the key of the certificate in ${files.cert}: put the two of one pair there.`);
	}
	if (owner > 0) {
		throw new Error(`${files.cert} has its certificates in the wrong order: put the server's own first.`);
	}
	const unfit = keyProblem(key);
	if (unfit !== undefined) throw new Error(`${files.key} ${unfit}`);
	const caWords = { noun: "file of the clients' authorities", option: "--tls-client-ca" };
	const clientCaPem = files.clientCa === undefined ? undefined : readCertificates(files.clientCa, caWords).pem;
	return { leaf, tls: { certPem, keyPem, ...(clientCaPem === undefined ? {} : { clientCaPem }) } };
}

/** What may be shown of a certificate, and whether its time has come or is over. `now` in epoch milliseconds. */
export function certificateFacts(leaf: X509Certificate, now: number): CertificateFacts {
	const { validFromDate, validToDate } = leaf;
	const facts = {
		subject: leaf.subject?.replaceAll("\n", ", ") ?? "",
		names: certificateNames(leaf),
		notBefore: validFromDate.toISOString(),
		notAfter: validToDate.toISOString(),
	};
	if (validToDate.getTime() < now) return { ...facts, problem: `expired on ${facts.notAfter}: renew it` };
	if (validFromDate.getTime() > now) return { ...facts, problem: `not valid before ${facts.notBefore}` };
	return facts;
}

/** DNS names and addresses that a certificate is for. */
export function certificateNames({ subjectAltName }: X509Certificate): string[] {
	return [...(subjectAltName ?? "").matchAll(/(?:DNS|IP Address):([^,"]+)/g)].map(([, name]) => name as string);
}

function readCertificates(file: string, words: FileWords): ReturnType<typeof certificateBlocks> {
	const text = readPem(file, words);
	try {
		return certificateBlocks(text, file);
	} catch (error) {
		const swapped = !text.includes("BEGIN CERTIFICATE") && text.includes("PRIVATE KEY-----");
		const more = swapped ? ", but a private key. Are the options the wrong way round?" : ". Put a PEM file there.";
		throw new Error(`${(error as Error).message}${more}`);
	}
}

/** The key and its own PEM block. */
function readKey(file: string): { key: KeyObject; pem: string } {
	const text = readPem(file, { noun: "private key", option: "--tls-key" });
	const [pem] = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----/s.exec(text) ?? [];
	if (pem === undefined) {
		const swapped = text.includes("BEGIN CERTIFICATE");
		const more = swapped ? ", but a certificate. Are the options the wrong way round?" : ". Put a PEM file there.";
		throw new Error(`${file} holds no PEM private key${more}`);
	}
	// PKCS#8 says it in its label, the older forms in a header.
	if (/ENCRYPTED/.test(pem)) {
		throw new Error(
			`${file} is encrypted, and nobody is there to type its passphrase. Decrypt it (openssl pkey -in KEY -out FILE) and protect the file by its permissions.`,
		);
	}
	try {
		return { key: createPrivateKey(pem), pem };
	} catch {
		throw new Error(`${file} holds a private key that cannot be read. Put a PEM file there.`);
	}
}

/** What Envoy 1.40 would refuse (seen with `--mode validate`): told here in words that say what to do. */
function keyProblem({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
	if (type === "rsa" && (details?.modulusLength ?? 0) >= 2048) return undefined;
	if (type === "ed25519") return undefined;
	if (type === "ec" && CURVES.has(details?.namedCurve ?? "")) return undefined;
	return "is of a kind that Envoy does not take: use RSA from 2048 bits on, Ed25519, or ECDSA with P-256, P-384 or P-521.";
}

function readPem(file: string, words: FileWords): string {
	const content = readTextFile(file, words);
	if (!content.ok) throw new Error(`${file}: ${content.message} It must be PEM.`);
	return content.text;
}
