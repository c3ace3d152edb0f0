import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RegistryParser } from "../registry/parse.ts";
import { RegistryStoreError } from "../sources/registry-source.ts";
import type { RegistryText, RegistryWriter } from "../sources/registry-writer.ts";
import type { Acknowledged } from "../status/in-sync.ts";
import { AdminError } from "./errors.ts";
import { errorResponses } from "./openapi.ts";
import { inFormat, wantedFormat } from "./registry-answer.ts";
import { patched, replaced, withEntry, withPatchedEntry, withReplicas } from "./registry-change.ts";
import {
	changed,
	changeErrors,
	entryExample,
	etagHeader,
	matchHeader,
	optionalMatchHeader,
	scaleBody,
	waitQuery,
} from "./registry-openapi.ts";
import {
	bodyOf,
	checkPrecondition,
	etagOf,
	JSON_TYPE,
	jsonOf,
	namesEtag,
	objectOf,
	PATCH_TYPE,
	replicasOf,
	waitOf,
	YAML_TYPE,
} from "./request.ts";
import { ref } from "./schemas.ts";
import { serverParams } from "./status-routes.ts";

export interface RegistryDeps {
	readonly writer: RegistryWriter;
	/** The parser that the writer's source uses. */
	readonly parse: RegistryParser["parse"];
	/** Waits until every Envoy has acknowledged what is in force, or for so many milliseconds. */
	readonly waitInSync: (timeoutMs: number) => Promise<readonly Acknowledged[]>;
}

/** A change of the registry as it is answered. */
export interface ChangeAnswer {
	readonly etag: string;
	readonly added: readonly string[];
	readonly changed: readonly string[];
	readonly removed: readonly string[];
	/** An Envoy is connected, and each one has acknowledged it. With `wait` only. */
	readonly inSync?: boolean;
	/** With `wait` only. */
	readonly envoys?: readonly Acknowledged[];
}

/** The registry, read and changed. */
export function registryRoutes(api: FastifyInstance, deps: RegistryDeps): void {
	const { writer, parse } = deps;
	const file = writer.path;

	const unwritable = (error: unknown): never => {
		throw error instanceof RegistryStoreError ? new AdminError("registry_unwritable", error.message) : error;
	};

	/** Changes the registry as the request asks for and answers what came of it. */
	async function change(
		request: FastifyRequest,
		reply: FastifyReply,
		matchRequired: boolean,
		edit: (now: RegistryText) => string,
	): Promise<ChangeAnswer> {
		const wait = waitOf(request);
		const { digest, ...ids } = await writer
			.update((now) => {
				checkPrecondition(request, now, matchRequired);
				return edit(now);
			})
			.catch(unwritable);
		const etag = etagOf(digest);
		reply.header("etag", etag);
		if (wait === undefined) return { etag, ...ids };
		const envoys = await deps.waitInSync(wait);
		return { etag, ...ids, inSync: envoys.length > 0 && envoys.every(({ inSync }) => inSync), envoys };
	}

	api.get(
		"/v1/registry",
		{
			schema: {
				tags: ["registry"],
				summary: "The registry as its file has it",
				description:
					"Placeholders stay placeholders; a secret that is written out in the file is written out here. The answer is the file's own text where it is in the wanted format.",
				querystring: {
					type: "object",
					properties: { format: { enum: ["json", "yaml"], description: "Instead of the Accept header." } },
				},
				response: {
					200: {
						description: "The registry; its ETag is for `If-Match`.",
						headers: etagHeader,
						content: { [JSON_TYPE]: { schema: ref("Registry") }, [YAML_TYPE]: { schema: { type: "string" } } },
					},
					304: { type: "null", description: "`If-None-Match` names it." },
					...errorResponses("bad_request", "not_found", "not_acceptable", "registry_faulty", "registry_unwritable"),
				},
			},
		},
		async (request, reply) => {
			const format = wantedFormat((request.query as { format?: unknown }).format, request.headers.accept);
			const now = await writer.read().catch(unwritable);
			if (now === undefined) throw new AdminError("not_found", "The registry's file does not exist. PUT creates it.");
			const etag = etagOf(now.digest);
			reply.headers({ etag, vary: "accept", "cache-control": "no-store" });
			if (namesEtag(request.headers["if-none-match"] ?? "", etag)) return reply.code(304).send();
			const type = format === "json" ? JSON_TYPE : YAML_TYPE;
			return reply.type(`${type}; charset=utf-8`).send(inFormat(now, file, format));
		},
	);
	api.put(
		"/v1/registry",
		{
			schema: {
				tags: ["registry"],
				summary: "Replace the registry",
				description:
					"A body in the file's own language is written byte for byte. A body in the other one changes the file where it says something else; comments stay.",
				headers: matchHeader,
				querystring: waitQuery,
				body: {
					content: {
						[JSON_TYPE]: { schema: { ...ref("Registry") }, example: { docs: entryExample } },
						[YAML_TYPE]: { schema: { type: "string" }, example: "docs:\n  endpoint: https://mcp.example.com/mcp\n" },
					},
				},
				response: { 200: changed, ...changeErrors("precondition_required") },
			},
		},
		(request, reply) => {
			const body = bodyOf(request, [JSON_TYPE, YAML_TYPE]);
			if (body.language === "json") jsonOf(body);
			return change(request, reply, true, (now) => replaced(now, file, body, parse));
		},
	);
	api.patch(
		"/v1/registry",
		{
			schema: {
				tags: ["registry"],
				summary: "Change servers of the registry",
				description:
					"JSON Merge Patch (RFC 7396) on the map from server id to entry, wherever in the file that is: null removes.",
				headers: matchHeader,
				querystring: waitQuery,
				body: {
					content: { [PATCH_TYPE]: { schema: { type: "object" }, example: { docs: entryExample, old: null } } },
				},
				response: { 200: changed, ...changeErrors("precondition_required") },
			},
		},
		(request, reply) => {
			const patch = objectOf(bodyOf(request, [PATCH_TYPE]));
			return change(request, reply, true, (now) => patched(now, file, patch, parse));
		},
	);

	type ById = { Params: { id: string } };
	const one = { tags: ["servers"], params: serverParams, headers: optionalMatchHeader, querystring: waitQuery };
	api.put<ById>(
		"/v1/servers/:id",
		{
			schema: {
				...one,
				summary: "Add a server, or replace its entry in the registry",
				body: { content: { [JSON_TYPE]: { schema: { type: "object" }, example: entryExample } } },
				response: { 200: changed, 201: { ...changed, description: "Added." }, ...changeErrors() },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const entry = objectOf(bodyOf(request, [JSON_TYPE]));
			const answer = await change(request, reply, false, (now) => withEntry(now, file, id, entry, parse));
			return reply.code(answer.added.includes(id) ? 201 : 200).send(answer);
		},
	);
	api.patch<ById>(
		"/v1/servers/:id",
		{
			schema: {
				...one,
				summary: "Change a server's entry in the registry",
				description: "JSON Merge Patch (RFC 7396) on the entry: null removes a field.",
				body: { content: { [PATCH_TYPE]: { schema: { type: "object" }, example: { loadBalancer: "random" } } } },
				response: { 200: changed, ...changeErrors("unknown_server") },
			},
		},
		(request, reply) => {
			const patch = objectOf(bodyOf(request, [PATCH_TYPE]));
			return change(request, reply, false, (now) => withPatchedEntry(now, file, request.params.id, patch, parse));
		},
	);
	api.put<ById>(
		"/v1/servers/:id/scale",
		{
			schema: {
				...one,
				summary: "Set the pods of a server on Kubernetes",
				description: "Writes `replicas` into its entry, which holds from then on, whatever `kubectl scale` says.",
				body: { content: { [JSON_TYPE]: { schema: scaleBody, example: { replicas: 3 } } } },
				response: { 200: changed, ...changeErrors("unknown_server", "not_scalable") },
			},
		},
		(request, reply) => {
			const replicas = replicasOf(objectOf(bodyOf(request, [JSON_TYPE])));
			return change(request, reply, false, (now) => withReplicas(now, file, request.params.id, replicas, parse));
		},
	);
	api.delete<ById>(
		"/v1/servers/:id",
		{
			schema: {
				...one,
				summary: "Remove a server from the registry",
				response: { 200: changed, ...changeErrors("unknown_server") },
			},
		},
		(request, reply) =>
			change(request, reply, false, (now) => withEntry(now, file, request.params.id, undefined, parse)),
	);
}
