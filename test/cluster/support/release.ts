/** Clients of a gateway in the cluster, by its Service's name and over TLS, as pods would be. */
import type { LookupFunction } from "node:net";
import type { V1Pod } from "@kubernetes/client-node";
import { fetchOverTls } from "../../../control-plane/cli/fetch-over-tls.ts";
import { core } from "./kube.ts";

export interface ReleaseAddress {
	/** Without a path. */
	readonly url: string;
	/** What a socket needs for it: the authority, and the Service's address for a name that only pods can resolve. */
	readonly tls: { readonly ca: string; readonly lookup: LookupFunction };
	/** `fetch` for the SDK's clients. */
	readonly fetch: typeof fetch;
}

/** Of Envoy's listener in its pod. */
const envoyPort = 8080;

/** @param ca PEM of the authority of the gateway's certificate, which is for the Service's name. */
export async function releaseAddress(
	namespace: string,
	release: string,
	ca: string,
	headers: Readonly<Record<string, string>>,
): Promise<ReleaseAddress> {
	const { spec } = await core.readNamespacedService({ namespace, name: release });
	return addressAt(spec?.clusterIP ?? "", `https://${release}.${namespace}.svc`, ca, headers);
}

/** The same by one of its Envoys, whatever the Service would choose. */
export function envoyAddress(
	pod: V1Pod,
	release: string,
	ca: string,
	headers: Readonly<Record<string, string>>,
): ReleaseAddress {
	const { namespace = "" } = pod.metadata ?? {};
	return addressAt(pod.status?.podIP ?? "", `https://${release}.${namespace}.svc:${envoyPort}`, ca, headers);
}

function addressAt(
	address: string,
	url: string,
	ca: string,
	headers: Readonly<Record<string, string>>,
): ReleaseAddress {
	const lookup: LookupFunction = (_host, options, callback) => {
		if (options.all === true) callback(null, [{ address, family: 4 }]);
		else callback(null, address, 4);
	};
	const tls = { ca, lookup };
	const bare = fetchOverTls(tls);
	return {
		url,
		tls,
		fetch: (input, init) => {
			const all = new Headers(init?.headers);
			for (const [name, value] of Object.entries(headers)) all.set(name, value);
			return bare(input, { ...init, headers: all });
		},
	};
}
