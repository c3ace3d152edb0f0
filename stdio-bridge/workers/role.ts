import { z } from "zod";

const address = z.union([z.object({ path: z.string() }), z.object({ host: z.string(), port: z.int() })]);
const schema = z.object({
	index: z.int().min(0),
	/** Addresses of all workers, this one's among them. */
	addresses: z.array(address).min(2),
	/** Time that calls in flight have when the bridge is ended. */
	graceMs: z.int().min(0),
	/** Logs what it finds in the registry, faults above all. */
	tellsOfRegistry: z.boolean(),
});

/** What a parent tells a worker at its start. */
export type WorkerRole = z.infer<typeof schema>;

/** As a parameter of the command line. */
export function formatRole(role: WorkerRole): string {
	return JSON.stringify(role);
}

/** @throws Error for what {@link formatRole} has not made. */
export function parseRole(text: string): WorkerRole {
	return schema.parse(JSON.parse(text));
}
