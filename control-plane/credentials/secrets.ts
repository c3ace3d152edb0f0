import type { V1Secret } from "@kubernetes/client-node";
import { ApiFault, type ApiRequest } from "../kubernetes/api-server.ts";
import { type Bundle, type BundleName, Conflict, type CredentialStore } from "./ensure.ts";

export interface SecretStoreOptions {
	readonly request: ApiRequest;
	readonly namespace: string;
	/** Begins the Secrets' names, as in `gw` of `gw-xds-envoy`. */
	readonly prefix: string;
}

/** A Secret that stands where one is to be made, and has been made by somebody else. */
export class NotOurs extends Error {}

const MANAGED_BY = "app.kubernetes.io/managed-by";

/** Credentials in Secrets of one namespace. Those that others have made are used where they will do, and never written. */
export function secretStore({ request, namespace, prefix }: SecretStoreOptions): CredentialStore {
	const folder = `/api/v1/namespaces/${namespace}/secrets`;
	const nameOf = (name: BundleName) => `${prefix}-${name}`;
	const pathOf = (name: BundleName) => `${folder}/${nameOf(name)}`;
	const place = (name: BundleName) => `Secret ${namespace}/${nameOf(name)}`;
	const seen = new Map<BundleName, V1Secret | undefined>();
	const get = (name: BundleName) =>
		request("GET", pathOf(name)).catch((error: unknown) => {
			if (error instanceof ApiFault && error.status === 404) return undefined;
			throw error;
		}) as Promise<V1Secret | undefined>;
	return {
		place,
		async read(name) {
			const secret = await get(name);
			seen.set(name, secret);
			return secret === undefined ? undefined : bundleOf(secret);
		},
		async write(name, bundle) {
			const before = seen.get(name);
			if (before !== undefined && !isOurs(before)) {
				throw new NotOurs(`${place(name)} is of no use, and not made by \`mcp-gateway credentials\`: put it right.`);
			}
			const body = secretFor(nameOf(name), prefix, bundle, before);
			try {
				await (before === undefined ? request("POST", folder, { body }) : request("PUT", pathOf(name), { body }));
			} catch (error) {
				if (error instanceof ApiFault && (error.status === 409 || (error.status === 404 && before !== undefined))) {
					throw new Conflict(`Somebody else writes ${place(name)} at the same time. Try again.`);
				}
				throw error;
			}
		},
		async remove(name) {
			const secret = await get(name);
			if (secret === undefined || !isOurs(secret)) return false;
			const preconditions = { uid: secret.metadata?.uid };
			const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions };
			await request("DELETE", pathOf(name), { body }).catch((error: unknown) => {
				if (!(error instanceof ApiFault) || error.status !== 404) throw error;
			});
			return true;
		},
	};
}

const isOurs = ({ metadata }: V1Secret) => metadata?.labels?.[MANAGED_BY] === "mcp-gateway";

function secretFor(name: string, prefix: string, bundle: Bundle, before: V1Secret | undefined): V1Secret {
	return {
		apiVersion: "v1",
		kind: "Secret",
		metadata: {
			...before?.metadata,
			name,
			labels: {
				...before?.metadata?.labels,
				"app.kubernetes.io/name": "mcp-gateway",
				"app.kubernetes.io/instance": prefix,
				[MANAGED_BY]: "mcp-gateway",
			},
		},
		type: "Opaque",
		data: Object.fromEntries(Object.entries(bundle).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
	};
}

function bundleOf({ data = {} }: V1Secret): Bundle {
	return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]));
}
