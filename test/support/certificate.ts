import { generate } from "selfsigned";

export interface Certificate {
	/** PEM; it signs itself, so it is its own authority. */
	readonly cert: string;
	/** PEM. */
	readonly key: string;
}

/** A certificate for these DNS names and IP addresses, made anew: no key lies in the repository. */
export async function makeCertificate(names: readonly string[], addresses: readonly string[]): Promise<Certificate> {
	const altNames = [
		...names.map((value) => ({ type: 2 as const, value })),
		...addresses.map((ip) => ({ type: 7 as const, ip })),
	];
	const made = await generate([{ name: "commonName", value: "mcp-gateway test" }], {
		keySize: 2048,
		algorithm: "sha256",
		extensions: [
			{ name: "basicConstraints", cA: true },
			{ name: "subjectAltName", altNames },
		],
	});
	return { cert: made.cert, key: made.private };
}
