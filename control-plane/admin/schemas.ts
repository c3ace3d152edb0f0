/** What the admin API answers, as schemas: `/openapi.json` is made of them, and tests hold real answers against them. */
import { z } from "zod";
import { findingSchema } from "../detection/finding.ts";
import { adminErrors } from "../errors/admin.ts";
import { jsonSchema } from "../registry/schema.ts";
import { resourceTypes } from "../snapshot/snapshot.ts";
import { bridgeSchema, poolSchema } from "../status/bridges.ts";
import { kubernetesConnectionSchema, kubernetesStatusSchema, podSchema } from "../status/kubernetes.ts";
import type { Replica } from "../status/replicas.ts";
import type { CertificateStatus, EnvoyStatus, ServerStatus } from "../status/status.ts";
import type { ErrorBody } from "./errors.ts";
import type { ChangeAnswer } from "./registry-routes.ts";

const faultFields = {
	file: z.string().describe("The registry's file, as the gateway was told of it."),
	line: z.int().min(1),
	col: z.int().min(1),
	message: z.string().describe("What is wrong and what to write instead; never holds a secret."),
	pointer: z.string().exactOptional().describe("JSON Pointer (RFC 6901) of what is at fault."),
};
const fault = z.object(faultFields).meta({ id: "RegistryFault", description: "A fault of the registry's text." });

const error = z
	.object({
		error: z.enum(Object.keys(adminErrors) as (keyof typeof adminErrors)[]).describe("Stable name of the error."),
		message: z.string().describe("What happened and what to do about it, for people."),
		errors: z.array(fault).exactOptional().describe("Every fault of a registry that was refused."),
		etag: z.string().exactOptional().describe("The ETag of the registry as it is, where `If-Match` named another one."),
	})
	.meta({ id: "Error", description: "The shape of every error." }) satisfies z.ZodType<ErrorBody>;

const replica = z
	.object({
		address: z.string().meta({ description: "`HOST:PORT` or `unix:PATH`.", examples: ["10.0.0.5:8000"] }),
		health: z
			.enum(["healthy", "unhealthy", "ejected", "unchecked", "draining"])
			.describe(
				"`unhealthy`: fails its active check, or its pod is not ready; `ejected`: connections to it failed; `unchecked`: its first check is under way.",
			),
		reason: z.string().exactOptional().describe("Why it is not healthy."),
		standby: z
			.literal(true)
			.exactOptional()
			.describe("Gets new sessions only while none of the others can be reached: of a stdio server's workers."),
		active: z.int().min(0).describe("Requests under way."),
		requests: z.int().min(0).describe("Requests so far, checks not counted."),
	})
	.meta({ id: "Replica", description: "A replica as Envoy sees it." }) satisfies z.ZodType<Replica>;

const server = z
	.object({
		id: z.string().meta({ examples: ["github"] }),
		type: z
			.string()
			.describe("`http`, `stdio` or `k8s`; `auto` where the entry does not say it, so that it is detected."),
		state: z
			.enum(["serving", "unavailable", "refused", "failing"])
			.describe(
				"`refused`: by Envoy; `failing`: no address, no healthy replica, no pod that is ready, or a stdio server whose last process did not start.",
			),
		problem: z.string().exactOptional().describe("Why it is not `serving`."),
		detected: findingSchema.exactOptional(),
		endpoints: z.array(replica).exactOptional(),
		ejections: z.int().min(0).exactOptional().describe("How often a replica was ejected."),
		checks: z.int().min(0).exactOptional().describe("Active health checks so far."),
		failedChecks: z.int().min(0).exactOptional().describe("Those of them that failed."),
		pool: poolSchema
			.exactOptional()
			.describe("Sessions and processes of a stdio server, over all workers of the bridge."),
		kubernetes: kubernetesStatusSchema
			.exactOptional()
			.describe("Pods of a server on Kubernetes; left out while there is no cluster."),
	})
	.meta({ id: "Server", description: "What became of a server of the registry. Holds no secret." });
server satisfies z.ZodType<ServerStatus>;

const refusal = z.object({
	type: z.enum(resourceTypes),
	name: z.string(),
	message: z.string().describe("Envoy's own words."),
	since: z.int().describe("Epoch milliseconds at which this content was refused first."),
	attempts: z.int().min(1).describe("How often it was sent and refused."),
});

const envoyStatus = z.object({
	id: z.string(),
	connectedAt: z.int().describe("Epoch milliseconds."),
	inSync: z.boolean().describe("It has acknowledged everything, but for what it refused."),
	acks: z.int(),
	nacks: z.int(),
	pushes: z.int(),
	bytes: z.int(),
	refused: z.array(refusal).describe("What this Envoy refuses, in its own words."),
}) satisfies z.ZodType<EnvoyStatus>;

const certificate = z.object({
	file: z.string(),
	clientCaFile: z.string().exactOptional().describe("Clients need a certificate that an authority in it has signed."),
	subject: z.string(),
	names: z.array(z.string()).describe("DNS names and addresses it is for."),
	notBefore: z.string().describe("ISO 8601."),
	notAfter: z.string().describe("ISO 8601."),
	problem: z.string().exactOptional().describe("The files are faulty, its time is over, or Envoy refused it."),
}) satisfies z.ZodType<CertificateStatus>;

const status = z
	.object({
		ready: z.boolean().describe("At least one Envoy serves the registry."),
		controlPlane: z
			.string()
			.describe(
				"Host name of the control plane that answers, in Kubernetes its pod's. Of several each knows its own Envoys.",
			),
		registry: z.object({
			file: z.string(),
			loadedAt: z.int().exactOptional().describe("Epoch milliseconds at which the registry in force was read."),
			errors: z.array(fault).describe("Faults of the file as it is now; empty when it is the one in force."),
		}),
		certificate: certificate.exactOptional().describe("What HTTPS is served with; left out for plain HTTP."),
		kubernetes: kubernetesConnectionSchema.exactOptional().describe("Left out where no entry asks for a cluster."),
		servers: z.array(server),
		envoys: z.array(envoyStatus),
		processes: z.array(z.unknown()).describe("The processes that `mcp-gateway up` supervises."),
		bridges: z.array(bridgeSchema).describe("The workers of the bridge for stdio servers."),
	})
	.meta({ id: "Status", description: "What `mcp-gateway status` shows." });

const change = z
	.object({
		etag: z.string().meta({ description: "The registry's new ETag.", examples: ['"3f786850e387550f…"'] }),
		added: z.array(z.string()).describe("Ids of servers."),
		changed: z.array(z.string()),
		removed: z.array(z.string()),
		inSync: z
			.boolean()
			.exactOptional()
			.describe("With `wait`: an Envoy is connected, and each one has acknowledged it."),
		envoys: z
			.array(envoyStatus.pick({ id: true, inSync: true, refused: true }))
			.exactOptional()
			.describe("With `wait`: each connected Envoy, and what it refuses of all that it was sent."),
	})
	.meta({ id: "Change", description: "What a change of the registry came to." }) satisfies z.ZodType<ChangeAnswer>;

const moment = z.int().exactOptional().describe("Epoch milliseconds.");
const envoyType = z.object({
	subscribed: z.int().describe("Resources that it wants of those that there are."),
	acked: z.int().describe("Resources that it has acknowledged."),
	pending: z.int().describe("Resources that it lacks or has not acknowledged yet; refused ones do not count."),
	ackCount: z.int().describe("Responses acknowledged on this connection."),
	nackCount: z.int().describe("Responses refused on this connection."),
	lastAckAt: moment,
	lastNackAt: moment,
	lastPushAt: moment,
	lastRoundTripMs: z.int().exactOptional().describe("From the last acknowledged response to its ACK."),
	lagMs: z.int().describe("For how long it has lacked something of this type; 0: it has all."),
});
const envoy = z
	.object({
		id: z.string().describe("Of Envoy's node."),
		cluster: z.string(),
		variant: z.enum(["delta", "sotw"]),
		version: z
			.string()
			.exactOptional()
			.meta({ examples: ["1.40.0"] }),
		connectedAt: z.int().describe("Epoch milliseconds."),
		inSync: z.boolean().describe("It has acknowledged everything, but for what it refused."),
		pushes: z.int(),
		resources: z.int().describe("Resources sent."),
		bytes: z.int().describe("Their bytes."),
		perType: z.partialRecord(z.enum(resourceTypes), envoyType).describe("Only the types that it asked for."),
		refused: z.array(refusal),
	})
	.meta({ id: "Envoy", description: "A connected Envoy." });

const ready = z.object({ ready: z.boolean() }).meta({ id: "Ready" });
const alive = z.object({ status: z.literal("ok") }).meta({ id: "Alive" });

const registered = { error, fault, replica, server, pod: podSchema, status, change, envoy, ready, alive };

/** A JSON Schema as fastify and OpenAPI 3.1 take it. */
export type Schema = Readonly<Record<string, unknown>>;

/** The schemas by name, with `$id` and references among them. */
export function namedSchemas(): Schema[] {
	const registry = z.registry<{ id?: string }>();
	for (const schema of Object.values(registered)) registry.add(schema, { id: schema.meta()?.id ?? "" });
	const { schemas } = z.toJSONSchema(registry, { target: "draft-2020-12", uri: (id) => `${id}#` });
	const { $schema: _, ...file } = jsonSchema();
	const named = Object.entries(schemas).map(([id, schema]) => ({ ...schema, $id: id, $schema: undefined }));
	return [...named, { ...file, $id: "Registry" }];
}

/** A reference to one of {@link namedSchemas}. */
export const ref = (id: string): Schema => ({ $ref: `${id}#` });
