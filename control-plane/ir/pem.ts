import { X509Certificate } from "node:crypto";

/**
 * The certificates of a PEM text, and nothing else that may stand in the same file, such as a key.
 * @throws Error that names the file where there is none, or one that cannot be read.
 */
export function certificateBlocks(pem: string, file: string): { pem: string; certificates: X509Certificate[] } {
	const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
	if (blocks.length === 0) throw new Error(`${file} holds no PEM certificate`);
	try {
		return { pem: blocks.join("\n"), certificates: blocks.map((block) => new X509Certificate(block)) };
	} catch {
		throw new Error(`${file} holds a certificate that cannot be read`);
	}
}
