/** A registry in a ConfigMap that is watched by the API: a change is in force at once, and the admin API can make one. */
import { hash } from "node:crypto";
import type { KubernetesObject, V1ConfigMap } from "@kubernetes/client-node";
import { ApiFault, createApiServer } from "../kubernetes/api-server.ts";
import { type ConnectionOptions, findCluster } from "../kubernetes/connection.ts";
import { watchObjects } from "../kubernetes/watch/watch.ts";
import type { ConfigMapPlace } from "./config-map-place.ts";
import type { FileContent } from "./read-file.ts";
import { type EditableSource, RegistryStoreError } from "./registry-source.ts";
import { createRegistryText, type RegistryTextOptions } from "./registry-text.ts";

export interface ConfigMapSourceOptions extends RegistryTextOptions {
	readonly place: ConfigMapPlace;
	readonly connection: ConnectionOptions;
}

/** Key of a registry where the ConfigMap has several, or is yet to be made. */
const defaultKey = "mcp-gateway.yaml";

/** So long the start waits for the first look; afterwards it goes on without a registry, and says why. */
const firstLookMs = 10_000;

/**
 * Watches the ConfigMap and keeps its last good registry. Resolves after the first look, whatever it came to: a missing
 * ConfigMap or an API server that does not answer is a state with errors, not a rejection.
 * @throws Error where there is no cluster to ask.
 */
export async function createConfigMapSource(options: ConfigMapSourceOptions): Promise<EditableSource> {
	const { place, path } = options;
	const { kubeConfig, facts } = await findCluster(options.connection);
	const api = createApiServer(kubeConfig);
	const namespace = place.namespace ?? facts.namespace;
	const folder = `/api/v1/namespaces/${namespace}/configmaps`;
	const file = `${folder}/${place.name}`;
	const taken = createRegistryText(options);
	const closed = new AbortController();
	const looked = Promise.withResolvers<void>();

	const keyOf = ({ data }: V1ConfigMap): string => {
		const [only, ...others] = Object.keys(data ?? {});
		return place.key ?? (only !== undefined && others.length === 0 ? only : defaultKey);
	};
	const contentOf = (object: V1ConfigMap | undefined): FileContent => {
		const text = object?.data?.[keyOf(object)];
		if (text !== undefined) return { ok: true, text, digest: hash("sha256", text) };
		const message =
			object === undefined
				? `There is no ConfigMap ${place.name} in namespace ${namespace}. Create it, or let the admin API do so.`
				: `The ConfigMap ${place.name} in namespace ${namespace} has no key ${keyOf(object)}.`;
		return { ok: false, message, absent: true };
	};
	const take = (object: V1ConfigMap | undefined) => {
		if (!closed.signal.aborted) taken.publish(taken.look(contentOf(object)));
		looked.resolve();
	};
	/** Version of what was taken last: the watch and the answer to a request overtake each other. */
	let newest: bigint | undefined;
	const takeNewer = (object: V1ConfigMap, isGone = false) => {
		const version = versionOf(object);
		if (version !== undefined && newest !== undefined && version < newest) return;
		newest = version;
		take(isGone ? undefined : object);
	};
	const get = async (): Promise<V1ConfigMap | undefined> => {
		try {
			return (await api.request("GET", file, { signal: closed.signal })) as V1ConfigMap;
		} catch (error) {
			if (error instanceof ApiFault && error.status === 404) return undefined;
			throw new RegistryStoreError(`The ConfigMap ${place.name} cannot be read: ${(error as Error).message}`);
		}
	};

	const watching = watchObjects(
		{
			api,
			target: { path: folder, fieldSelector: `metadata.name=${place.name}` },
			listed: ([object]) => {
				// Whatever was seen before: a cluster that was restored counts from an earlier version on.
				newest = object && versionOf(object);
				take(object as V1ConfigMap | undefined);
			},
			changed: (object) => takeNewer(object as V1ConfigMap),
			deleted: (object) => takeNewer(object as V1ConfigMap, true),
			fault: (fault) => {
				// What was read stays in force; only who has nothing yet must be told.
				if (fault === undefined || taken.state.registry !== undefined) return;
				const message = `The ConfigMap ${place.name} in namespace ${namespace} cannot be read: ${fault.why}`;
				taken.publish(taken.look({ ok: false, message }));
				looked.resolve();
			},
		},
		closed.signal,
	);
	const timer = setTimeout(looked.resolve, firstLookMs);
	await looked.promise;
	clearTimeout(timer);

	return {
		path,
		parse: taken.parse,
		get state() {
			return taken.state;
		},
		subscribe: taken.subscribe,
		async reload() {
			const before = newest;
			const object = await get();
			if (object !== undefined) takeNewer(object);
			else if (newest === before) take(undefined);
		},
		async read() {
			const object = await get();
			const content = contentOf(object);
			const version = object?.metadata?.resourceVersion ?? "";
			return content.ok ? { text: content.text, digest: content.digest, version } : { version };
		},
		async put(text, version) {
			try {
				const object = await get();
				const data = { [object === undefined ? (place.key ?? defaultKey) : keyOf(object)]: text };
				if (version === "") {
					await api.request("POST", folder, {
						body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: place.name }, data },
					});
				} else {
					await api.request("PATCH", file, {
						contentType: "application/merge-patch+json",
						// The API server refuses it with 409 when somebody was faster.
						body: { metadata: { resourceVersion: version }, data },
					});
				}
				return true;
			} catch (error) {
				if (error instanceof ApiFault && (error.status === 409 || isGone(error))) return false;
				throw new RegistryStoreError(`The ConfigMap ${place.name} cannot be written: ${(error as Error).message}`);
			}
		},
		async close() {
			closed.abort();
			await watching;
			taken.close();
		},
	};
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function versionOf({ metadata }: KubernetesObject): bigint | undefined {
	const version = metadata?.resourceVersion;
	return version !== undefined && /^\d+$/.test(version) ? BigInt(version) : undefined;
}

/** The ConfigMap itself, and not the namespace that it would be in. */
function isGone({ status, about }: ApiFault): boolean {
	return status === 404 && about.kind !== "namespaces";
}
