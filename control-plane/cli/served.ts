import { z } from "zod";
import { describeFinding, findingSchema } from "../detection/finding.ts";
import { type AdminArgs, askAdmin } from "./ask-admin.ts";
import { CliError } from "./errors.ts";

const servedSchema = z.object({
	id: z.string(),
	state: z.string(),
	problem: z.string().optional(),
	detected: findingSchema.optional(),
});
const statusSchema = z.object({ registry: z.object({ file: z.string() }), servers: z.array(servedSchema) });

/** What became of a server of the registry in the gateway that serves it. */
export type Served = z.infer<typeof servedSchema>;

/**
 * What a running gateway made of a registry file's servers, by id; empty where none answers, or it serves another file.
 * The file alone does not tell what detection finds.
 */
export async function readServed(admin: AdminArgs, file: string): Promise<ReadonlyMap<string, Served>> {
	try {
		const status = statusSchema.safeParse(await askAdmin(admin, "/v1/status", 1000));
		if (!status.success || status.data.registry.file !== file) return new Map();
		return new Map(status.data.servers.map((server) => [server.id, server]));
	} catch (error) {
		if (error instanceof CliError && error.exitCode === 1) return new Map();
		throw error;
	}
}

/** The same in a few words. */
export function describeServed({ state, problem, detected }: Served): string {
	return problem ?? (detected === undefined ? state : `${state}: ${describeFinding(detected)}`);
}
