import fastify, { type FastifyInstance } from "fastify";
import type { Metrics } from "../metrics/metrics.ts";
import type { StatusDeps } from "../status/status.ts";
import { AdminError, answerErrors, earlyErrors } from "./errors.ts";
import { guard } from "./guard.ts";
import { observeRoutes } from "./observe-routes.ts";
import { describe } from "./openapi.ts";
import { type RegistryDeps, registryRoutes } from "./registry-routes.ts";
import { takeBodies } from "./request.ts";
import { statusRoutes } from "./status-routes.ts";
import type { TokenSource } from "./token.ts";

export interface AdminDeps {
	/** Only this machine can connect. */
	readonly loopback: boolean;
	/** Undefined on loopback only: everyone who can connect may then do everything. */
	readonly token: TokenSource | undefined;
	/** The gateway's version, for the description. */
	readonly version: string;
	readonly status: StatusDeps;
	readonly registry: RegistryDeps;
	readonly metrics: Metrics;
	readonly log: { error(fields: object, message: string): void };
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** The admin API without a socket: tests use `inject()`. */
export function createAdminApi(deps: AdminDeps): FastifyInstance {
	const api = fastify({
		...earlyErrors,
		logger: false,
		routerOptions: { maxParamLength: 200 },
		bodyLimit: 32 * 1024 * 1024,
	});
	answerErrors(api, deps.log);
	guard(api, deps);
	describe(api, deps.version);
	takeBodies(api);
	api.register(async (routes) => {
		const taken = new Map<string, string[]>();
		routes.addHook("onRoute", ({ url, method }) => {
			taken.set(url, [taken.get(url) ?? [], method].flat());
		});
		routes.get("/openapi.json", { schema: { hide: true } }, () => api.swagger());
		statusRoutes(routes, deps.status);
		observeRoutes(routes, deps.status, deps.metrics);
		registryRoutes(routes, deps.registry);
		for (const [url, allowed] of [...taken]) refuseOthers(routes, url, allowed);
	});
	return api;
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6 */
function refuseOthers(api: FastifyInstance, url: string, allowed: readonly string[]): void {
	api.route({
		method: methods.filter((method) => !allowed.includes(method)),
		url,
		schema: { hide: true },
		handler: () => {
			throw new AdminError("method_not_allowed", undefined, {}, { allow: allowed.join(", ") });
		},
	});
}

/** Listens. @throws Error where the address cannot be bound. */
export async function startAdminApi(
	deps: AdminDeps & { readonly host: string; readonly port: number },
): Promise<FastifyInstance> {
	const api = createAdminApi(deps);
	await api.listen({ host: deps.host, port: deps.port });
	return api;
}
