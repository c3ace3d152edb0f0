/** What detection found out about a server, and the words for it. Nothing here ever holds a header's value. */
import { z } from "zod";

const tried = z.object({
	/** What was asked of whom, as in `POST http://host/mcp server/discover`. */
	what: z.string(),
	outcome: z.string(),
});

/** A finding as it travels between processes and stands in the status. */
export const findingSchema = z
	.object({
		transport: z.enum(["streamable-http", "sse", "stdio"]),
		path: z.string().exactOptional().describe("Where on the endpoint it answers; left out for stdio."),
		revisions: z
			.array(z.string())
			.describe(
				"Revisions of MCP, newest first; of those before 2026-07-28 only the newest that the server agrees to. Empty where it asks for authorization.",
			),
		serverInfo: z
			.object({ name: z.string(), version: z.string().exactOptional() })
			.exactOptional()
			.describe("What it calls itself."),
		authorization: z
			.literal(true)
			.exactOptional()
			.describe("It asks for credentials that the entry does not have, so the rest is unknown."),
	})
	.describe("How a server whose entry does not say its type was found to be reached.");

const probeResult = z.object({ finding: findingSchema.exactOptional(), tried: z.array(tried) });

/** One thing that was tried, and what came of it. */
export type Tried = Readonly<z.infer<typeof tried>>;

/** How a server is reached. */
export type Finding = Readonly<z.infer<typeof findingSchema>>;

/** What one probe says: a finding, or none, and all that was tried in its order. */
export type ProbeResult = Readonly<z.infer<typeof probeResult>>;

/** Reads a probe's result that came over the wire. @throws ZodError */
export function readProbeResult(value: unknown): ProbeResult {
	return probeResult.parse(value);
}

/** Where the detection of an entry stands. */
export type Detection =
	| { readonly state: "detecting" }
	| { readonly state: "found"; readonly finding: Finding }
	| { readonly state: "failed"; readonly tried: readonly Tried[] };

/** A problem travels to clients in Envoy's answer, whose text may have 4096 bytes. */
const maxProblem = 1500;

/** Why an entry is not served, for people. */
export function detectionProblem(detection: Exclude<Detection, { state: "found" }>): string {
	if (detection.state === "detecting") return "is being detected: it does not say its type, so it is looked at first";
	const all = detection.tried.map(({ what, outcome }) => `${what}: ${outcome}`).join("; ");
	const shown = all.length > maxProblem ? `${all.slice(0, maxProblem)}...` : all;
	return `nothing that speaks MCP was found (${shown}). It is tried again; with a \`type\` in its entry it is not looked at`;
}

/** A finding in one line, as in `streamable-http at /mcp, 2026-07-28, 2025-11-25`. */
export function describeFinding({ transport, path, revisions, authorization }: Finding): string {
	const where = path === undefined ? transport : `${transport} at ${path}`;
	if (authorization) return `${where}, asks for authorization`;
	return [where, ...revisions].join(", ");
}
