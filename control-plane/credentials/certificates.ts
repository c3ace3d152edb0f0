/** What control plane and Envoys know each other by: made anew, and looked at again. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { xdsServerName } from "../ads/credentials.ts";

/** One side of the mutual TLS, as PEM texts. */
export interface Side {
	/** The authority that has signed both sides. */
	readonly ca: string;
	readonly cert: string;
	readonly key: string;
}

export interface XdsCredentials {
	readonly controlPlane: Side;
	readonly envoy: Side;
}

/** Name in the certificate that all Envoys share; nobody asks for it, it is for people who look. */
export const envoyName = "envoy.mcp-gateway";

const YEARS = 10;
/** Clocks of two machines may differ by so much. */
const SKEW_MS = 5 * 60_000;

/**
 * Makes an authority and with it one certificate for each side (ECDSA on P-256, ten years). The authority's key is thrown
 * away: nobody can sign a third one, and a renewal is a new authority.
 */
export async function makeXdsCredentials(now: Date = new Date()): Promise<XdsCredentials> {
	// Loaded late: no other command signs anything.
	const { generate } = await import("selfsigned");
	const notAfterDate = new Date(now);
	notAfterDate.setUTCFullYear(notAfterDate.getUTCFullYear() + YEARS);
	const common = {
		keyType: "ec" as const,
		algorithm: "sha256",
		notBeforeDate: new Date(now.getTime() - SKEW_MS),
		notAfterDate,
	};
	const authority = await generate([{ name: "commonName", value: "mcp-gateway" }], {
		...common,
		extensions: [
			{ name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
			{ name: "keyUsage", keyCertSign: true, critical: true },
		],
	});
	const side = async (name: string, usage: "serverAuth" | "clientAuth"): Promise<Side> => {
		const made = await generate([{ name: "commonName", value: name }], {
			...common,
			ca: { cert: authority.cert, key: authority.private },
			extensions: [
				{ name: "basicConstraints", cA: false, critical: true },
				{ name: "keyUsage", digitalSignature: true, critical: true },
				{ name: "extKeyUsage", [usage]: true },
				{ name: "subjectAltName", altNames: [{ type: 2, value: name }] },
			],
		});
		return { ca: authority.cert, cert: made.cert, key: made.private };
	};
	return { controlPlane: await side(xdsServerName, "serverAuth"), envoy: await side(envoyName, "clientAuth") };
}

/** Why two sides do not get on with each other; undefined where they do. */
export function xdsCredentialsProblem(
	{ controlPlane, envoy }: XdsCredentials,
	now: Date = new Date(),
): string | undefined {
	const own = sideProblem("the control plane's", controlPlane, now) ?? sideProblem("Envoy's", envoy, now);
	if (own !== undefined) return own;
	if (!trusts(controlPlane, envoy)) return "the control plane does not trust Envoy's certificate";
	if (!trusts(envoy, controlPlane)) return "Envoy does not trust the control plane's certificate";
	const named = new X509Certificate(controlPlane.cert).checkHost(xdsServerName) !== undefined;
	return named ? undefined : `the control plane's certificate does not have the name ${xdsServerName}`;
}

function sideProblem(whose: string, { ca, cert, key }: Side, now: Date): string | undefined {
	try {
		const certificate = new X509Certificate(cert);
		if (certificate.validToDate < now) return `${whose} certificate has expired`;
		if (authorities(ca).length === 0) return `${whose} authority is missing`;
		return certificate.checkPrivateKey(createPrivateKey(key)) ? undefined : `${whose} key is not its certificate's`;
	} catch {
		return `${whose} certificate, key or authority cannot be read`;
	}
}

/** One side's authorities may be several: of a renewal the old one and the new one. */
function trusts({ ca }: Side, { cert }: Side): boolean {
	const certificate = new X509Certificate(cert);
	return authorities(ca).some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
}

function authorities(pem: string): X509Certificate[] {
	const texts = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
	return texts.map((text) => new X509Certificate(text));
}
