import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { KubeConfig, type KubernetesObject } from "@kubernetes/client-node";

/**
 * Lists and watches as the API server answers them, with faults at will that a real one shows once a month. What a real
 * one does is held against a real one in test/cluster.
 */
export interface FakeApiServer {
	readonly kubeConfig: KubeConfig;
	/** Requests so far, as `LIST path?selectors` and `WATCH path from VERSION`. */
	readonly requests: readonly string[];
	/** Creates or changes an object under a path such as `/api/v1/namespaces/a/pods`. */
	put(path: string, object: KubernetesObject): void;
	remove(path: string, name: string): void;
	/** Answers requests whose path has this end with a status from now on; undefined: as they should be. */
	refuse(end: string, status: number | undefined, details?: object): void;
	/** Goes on with this version, as after a restore of an old state. */
	rewind(version: number): void;
	/** Lets answers to a single object whose path has this end wait, as they are now, until what is returned is called. */
	hold(end: string): () => void;
	/** What a path answers that has no objects, such as a log. */
	text(path: string, text: string): void;
	/** Ends all watches: in good order, by a broken connection, or by the event that their place is forgotten (410). */
	end(how: "done" | "broken" | "gone"): void;
	/** Tells all watches how far they are. */
	bookmark(): void;
	readonly watches: number;
	/** Stops listening and breaks all connections; `start` brings it back at the same port. */
	stop(): Promise<void>;
	start(): Promise<void>;
}

interface Watch {
	readonly path: string;
	readonly selector: string | null;
	readonly response: ServerResponse;
}

export async function startApiServer(): Promise<FakeApiServer> {
	const objects = new Map<string, Map<string, KubernetesObject>>();
	const texts = new Map<string, string>();
	const refused = new Map<string, { readonly status: number; readonly details: object | undefined }>();
	const held = new Map<string, Promise<void>>();
	const watches = new Set<Watch>();
	const sockets = new Set<Socket>();
	const requests: string[] = [];
	let version = 100;
	let port = 0;

	function objectsAt(path: string): KubernetesObject[] {
		const plural = path.split("/").at(-1) ?? "";
		const everywhere = !path.includes("/namespaces/");
		return [...objects].flatMap(([at, byName]) => {
			const fits = everywhere ? at.split("/").at(-1) === plural : at === path;
			return fits ? [...byName.values()] : [];
		});
	}

	function selected(selector: string | null, { metadata }: KubernetesObject): boolean {
		return (selector ?? "")
			.split(",")
			.filter(Boolean)
			.every((term) => {
				const [key = "", value] = term.split("=");
				return key === "metadata.name" ? metadata?.name === value : metadata?.labels?.[key] === value;
			});
	}

	function tell(type: string, path: string, object: KubernetesObject): void {
		const plural = path.split("/").at(-1);
		for (const watch of watches) {
			const everywhere = !watch.path.includes("/namespaces/") && watch.path.split("/").at(-1) === plural;
			if ((everywhere || watch.path === path) && selected(watch.selector, object)) {
				watch.response.write(`${JSON.stringify({ type, object })}\n`);
			}
		}
	}

	function answer(request: IncomingMessage, response: ServerResponse): void {
		const url = new URL(request.url ?? "/", "http://x");
		const selector = url.searchParams.get("labelSelector") ?? url.searchParams.get("fieldSelector");
		const watching = url.searchParams.get("watch") === "true";
		requests.push(
			watching
				? `WATCH ${url.pathname} from ${url.searchParams.get("resourceVersion")}`
				: `LIST ${url.pathname}?${selector ?? ""}`,
		);
		const refusal = [...refused].find(([end]) => url.pathname.endsWith(end))?.[1];
		const name = url.pathname.split("/").at(-1) ?? "";
		const single = objects.get(url.pathname.slice(0, -name.length - 1))?.get(name);
		if (refusal !== undefined) {
			const { status, details } = refusal;
			response.writeHead(status, { "content-type": "application/json" });
			response.end(JSON.stringify({ kind: "Status", message: `refused with ${status}`, code: status, details }));
		} else if (single !== undefined) {
			const text = JSON.stringify(single);
			const waits = [...held].find(([end]) => url.pathname.endsWith(end))?.[1] ?? Promise.resolve();
			void waits.then(() => response.end(text));
		} else if (texts.has(url.pathname)) {
			response.end(texts.get(url.pathname));
		} else if (watching) {
			response.writeHead(200, { "content-type": "application/json" });
			response.flushHeaders();
			const watch = { path: url.pathname, selector, response };
			watches.add(watch);
			response.on("close", () => watches.delete(watch));
		} else {
			const items = objectsAt(url.pathname).filter((object) => selected(selector, object));
			response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
		}
	}

	const server = createServer(answer);
	server.on("connection", (socket) => {
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
	});
	const start = () => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
	await start();
	port = (server.address() as AddressInfo).port;

	const kubeConfig = new KubeConfig();
	kubeConfig.loadFromClusterAndUser(
		{ name: "fake", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
		{ name: "nobody" },
	);
	return {
		kubeConfig,
		requests,
		put(path, object) {
			version += 1;
			const name = object.metadata?.name ?? "";
			const metadata = { ...object.metadata, resourceVersion: String(version) };
			const byName = objects.get(path) ?? new Map<string, KubernetesObject>();
			objects.set(path, byName);
			const known = byName.has(name);
			byName.set(name, { ...object, metadata });
			tell(known ? "MODIFIED" : "ADDED", path, { ...object, metadata });
		},
		remove(path, name) {
			version += 1;
			const object = objects.get(path)?.get(name);
			objects.get(path)?.delete(name);
			if (object !== undefined) {
				tell("DELETED", path, { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
			}
		},
		refuse(end, status, details) {
			if (status === undefined) refused.delete(end);
			else refused.set(end, { status, details });
		},
		rewind(to) {
			version = to;
		},
		hold(end) {
			const { promise, resolve } = Promise.withResolvers<void>();
			held.set(end, promise);
			return resolve;
		},
		text: (path, text) => void texts.set(path, text),
		end(how) {
			for (const watch of [...watches]) {
				const { response } = watch;
				watches.delete(watch);
				if (how === "gone") {
					const object = { kind: "Status", code: 410, message: "too old resource version" };
					response.write(`${JSON.stringify({ type: "ERROR", object })}\n`);
				}
				if (how === "broken") response.destroy();
				else response.end();
			}
		},
		bookmark() {
			for (const { response } of watches) {
				const object = { metadata: { resourceVersion: String(version) } };
				response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
			}
		},
		get watches() {
			return watches.size;
		},
		start,
		stop() {
			const closed = new Promise<void>((resolve) => server.close(() => resolve()));
			for (const socket of sockets) socket.destroy();
			return closed;
		},
	};
}
