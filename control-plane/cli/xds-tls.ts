/** Mutual TLS between control plane and Envoys, as both sides' commands take it. */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Options } from "yargs";
import type { XdsTlsFiles } from "../ads/credentials.ts";
import { failure, usage } from "./errors.ts";

export const xdsTlsOptions = {
	"xds-ca": {
		type: "string",
		requiresArg: true,
		describe: "PEM file of the authority that signs the certificates of control plane and Envoys",
	},
	"xds-cert": { type: "string", requiresArg: true, describe: "PEM file with this side's certificate for xDS" },
	"xds-key": { type: "string", requiresArg: true, describe: "PEM file with that certificate's private key" },
} as const satisfies Record<string, Options>;

/** The three files, or undefined where none is named. @throws UsageError where some are. */
export function xdsTlsFiles(args: {
	readonly "xds-ca"?: string | undefined;
	readonly "xds-cert"?: string | undefined;
	readonly "xds-key"?: string | undefined;
}): XdsTlsFiles | undefined {
	const { "xds-ca": ca, "xds-cert": cert, "xds-key": key } = args;
	if (ca !== undefined && cert !== undefined && key !== undefined) return { ca, cert, key };
	if (ca === undefined && cert === undefined && key === undefined) return undefined;
	throw usage("--xds-ca, --xds-cert and --xds-key belong together: name all three.");
}

/** The files, looked at once, so that a fault is told at the start and not by connections that fail. */
export function readableXdsTls(files: XdsTlsFiles | undefined): XdsTlsFiles | undefined {
	if (files === undefined) return undefined;
	try {
		createSecureContext({
			ca: readFileSync(files.ca),
			cert: readFileSync(files.cert),
			key: readFileSync(files.key),
		});
	} catch (error) {
		throw failure(`xDS over TLS: ${(error as Error).message}`);
	}
	return files;
}
