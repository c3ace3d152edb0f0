import fastify, { type FastifyInstance } from "fastify";
import { isReady, readStatus, type StatusDeps } from "../status/status.ts";

export interface AdminOptions {
	readonly host: string;
	readonly port: number;
	readonly status: StatusDeps;
}

/** Names under which a loopback admin API answers; any other Host is a web page that rebinds its DNS name. */
const loopbackHost = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;

/** The admin API without a socket: tests use `inject()`. */
export function createAdminApi(status: StatusDeps): FastifyInstance {
	const api = fastify({ logger: false, routerOptions: { maxParamLength: 200 } });
	api.addHook("onRequest", async (request, reply) => {
		if (!loopbackHost.test(request.headers.host ?? "")) {
			await reply.code(403).send({ error: "host_denied", message: "The admin API answers on loopback names only." });
		} else if (request.headers.origin !== undefined) {
			await reply.code(403).send({ error: "origin_denied", message: "The admin API is not for web pages." });
		}
	});
	api.get("/healthz", async () => ({ status: "ok" }));
	api.get("/readyz", async (_request, reply) => {
		const ready = isReady(status.ads);
		return reply.code(ready ? 200 : 503).send({ ready });
	});
	api.get("/v1/status", async () => readStatus(status));
	api.get("/v1/servers", async () => (await readStatus(status)).servers);
	api.get<{ Params: { id: string } }>("/v1/servers/:id", async (request, reply) => {
		const server = (await readStatus(status)).servers.find(({ id }) => id === request.params.id);
		if (server !== undefined) return server;
		return reply.code(404).send({ error: "unknown_server", message: `There is no server ${request.params.id}.` });
	});
	return api;
}

/** Listens. @throws Error where the address cannot be bound. */
export async function startAdminApi({ host, port, status }: AdminOptions): Promise<FastifyInstance> {
	const api = createAdminApi(status);
	await api.listen({ host, port });
	return api;
}
