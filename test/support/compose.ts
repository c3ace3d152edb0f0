/** `compose.yaml` as Docker Compose reads it: https://github.com/compose-spec/compose-spec/blob/main/spec.md */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ROOT } from "./process.ts";

const duration = z.string().regex(/^\d+(?:ms|s|m)$/);

/** What our file uses of a service, strictly: a key that the specification does not have is a fault. */
const service = z.strictObject({
	image: z.string(),
	build: z.strictObject({ context: z.string(), dockerfile: z.string().default("Dockerfile") }).optional(),
	entrypoint: z.array(z.string()).optional(),
	command: z.array(z.string()).default([]),
	environment: z.record(z.string(), z.string()).default({}),
	network_mode: z.literal("none").optional(),
	networks: z.array(z.string()).default([]),
	ports: z.array(z.string()).default([]),
	volumes: z
		.array(z.string())
		.default([])
		.transform((all) => all.map(mountOf)),
	tmpfs: z.array(z.string()).default([]),
	depends_on: z
		.record(z.string(), z.strictObject({ condition: z.enum(["service_completed_successfully", "service_healthy"]) }))
		.default({}),
	healthcheck: z
		.strictObject({
			test: z.array(z.string()),
			interval: duration,
			timeout: duration,
			start_period: duration,
			start_interval: duration,
		})
		.optional(),
	user: z.string().regex(/^\d+:\d+$/),
	read_only: z.boolean(),
	cap_drop: z.array(z.string()),
	security_opt: z.array(z.string()),
	init: z.boolean().default(false),
	restart: z.enum(["on-failure", "unless-stopped"]),
	scale: z.int().min(1).default(1),
	stop_grace_period: duration.optional(),
	mem_limit: z.string().optional(),
});

const file = z
	.object({
		name: z.string(),
		services: z.record(z.string(), service),
		networks: z.record(z.string(), z.strictObject({ internal: z.boolean().default(false) })),
		volumes: z.record(z.string(), z.strictObject({})),
	})
	.catchall(z.unknown());

export type ComposeService = z.output<typeof service>;
export type Compose = z.output<typeof file>;

/** What a container has at a path. */
export interface Mount {
	/** A volume's name, or a path of this machine, which begins with `.` or `/`. */
	readonly source: string;
	readonly target: string;
	readonly readOnly: boolean;
}

/** Reads the file with variables as they are without an environment. @throws ZodError */
export function readCompose(): Compose {
	return file.parse(
		JSON.parse(JSON.stringify(interpolated(parse(readFileSync(join(ROOT, "compose.yaml"), "utf8"), { merge: true })))),
	);
}

/** Whether it ends by itself once it has done its work. */
export const isOnce = ({ restart }: ComposeService) => restart === "on-failure";

function mountOf(text: string): Mount {
	const [source = "", target = "", mode = "rw"] = text.split(":");
	return { source, target, readOnly: mode === "ro" };
}

/** `${NAME:-default}` is the default, and `$$` a dollar. */
function interpolated(value: unknown): unknown {
	if (typeof value === "string") {
		return value.replace(/\$\$|\$\{\w+:-([^}]*)\}/g, (found, fallback: string) => (found === "$$" ? "$" : fallback));
	}
	if (Array.isArray(value)) return value.map(interpolated);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one)]));
}
