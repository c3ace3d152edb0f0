import { generate } from "selfsigned";

export interface Certificate {
	/** PEM; unless another authority was given it signs itself, so it is its own authority. */
	readonly cert: string;
	/** PEM. */
	readonly key: string;
}

export interface CertificateOptions {
	/** Who signs it. */
	readonly ca?: Certificate;
	readonly notBeforeDate?: Date;
	readonly notAfterDate?: Date;
	readonly keyType?: "rsa" | "ec";
	/** Bits of an RSA key; 2048 unless told. */
	readonly keySize?: number;
	readonly passphrase?: string;
}

/** A certificate for these DNS names and IP addresses, made anew: no key lies in the repository. */
export async function makeCertificate(
	names: readonly string[],
	addresses: readonly string[],
	options: CertificateOptions = {},
): Promise<Certificate> {
	const altNames = [
		...names.map((value) => ({ type: 2 as const, value })),
		...addresses.map((ip) => ({ type: 7 as const, ip })),
	];
	// Not the authority's name: a certificate whose issuer is its subject passes for one that signs itself.
	const made = await generate([{ name: "commonName", value: names[0] ?? "mcp-gateway test" }], {
		keySize: 2048,
		algorithm: "sha256",
		extensions: [
			{ name: "basicConstraints", cA: options.ca === undefined },
			{ name: "subjectAltName", altNames },
		],
		...options,
	});
	return { cert: made.cert, key: made.private };
}
