/** A whole installation with servers of four kinds: what it stands on, what it is, what clients do, what is left of it. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { expect } from "vitest";
import type { ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";
import { hashOfKey } from "../../../control-plane/registry/api-keys.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { eventually } from "../../support/gateway.ts";
import type { ImageName } from "../images.ts";
import { legacyClient, type McpClient, modernClient, podOf } from "./clients.ts";
import { httpDeployment, httpPort } from "./http-deployment.ts";
import { everythingIn, labelled } from "./inventory.ts";
import type { TestNamespace } from "./namespace.ts";
import { envoyAddress, type ReleaseAddress, releaseAddress } from "./release.ts";

export interface Ground {
	readonly request: ApiRequest;
	readonly images: Readonly<Record<ImageName, string>>;
	readonly release: string;
	/** Where the gateway is, and some servers. */
	readonly home: TestNamespace;
	/** Where another server is. */
	readonly tools: TestNamespace;
}

/** Of the one client that is let in. */
export const apiKey = "a key of the cluster tests";

/** Beside the gateway, with pods that it makes, with the bridge in one of these, and by a name that the cluster's DNS resolves. */
export const serverIds = ["outside", "web", "py", "named"] as const;

/** Values of the chart and of the construct alike. */
export function installationValues({ images, home, tools }: Omit<Ground, "request" | "release">) {
	return {
		image: splitImage(images.gateway),
		bridgeImage: splitImage(images.bridge),
		envoy: { image: splitImage(images.envoy), drainSeconds: 15 },
		tls: { secretName: "gateway-tls" },
		auth: { apiKeys: { secretName: "keys" }, anonymous: "never" },
		kubernetes: { namespaces: [home.name, tools.name] },
		registry: {
			outside: { endpoint: `http://outside.${home.name}.svc:${httpPort}/mcp` },
			web: { type: "k8s", image: images.http, replicas: 2, drainSeconds: 2 },
			py: {
				...{ type: "k8s", transport: "stdio", namespace: tools.name },
				...{ image: images.python, command: ["python3", "/app/stdio.py"], drainSeconds: 2 },
			},
			named: { type: "k8s", image: images.http, via: "service", drainSeconds: 2 },
		},
	};
}

/** What is in both namespaces before the installation. */
export interface Before {
	/** Authority of the gateway's certificate. */
	readonly ca: string;
	readonly inventory: Inventory;
}
type Inventory = Readonly<Record<"home" | "tools", readonly string[]>>;

/** Makes what the installation asks for: certificate, keys, and the server that is no business of the gateway. */
export async function prepare(ground: Ground, ...more: readonly KubernetesObject[]): Promise<Before> {
	const { release, home, images } = ground;
	const { cert, key } = await makeCertificate([`${release}.${home.name}.svc`], []);
	await home.create(
		secret("gateway-tls", { "tls.crt": cert, "tls.key": key }),
		secret("keys", { "api-keys.yaml": `tester: sha256:${hashOfKey(apiKey)}\n` }),
		httpDeployment({ name: "outside", image: images.http, replicas: 1 }),
		service("outside"),
		...more,
	);
	await home.readyPods("app=outside", 1);
	return { ca: cert, inventory: await inventoryOf(ground) };
}

/**
 * Clients of both eras use each of the servers by the gateway's Service and leave a note; who has no key is refused. `clients`
 * gets all of them, two for each of {@link serverIds}, the legacy one first.
 */
export async function useServers(
	{ release, home }: Ground,
	{ ca }: Before,
	clients: McpClient[],
): Promise<ReleaseAddress> {
	const gateway = await releaseAddress(home.name, release, ca, { "x-api-key": apiKey });
	// A pod is ready before every Envoy and every node knows of it.
	const envoys = await home.readyPods("app.kubernetes.io/component=envoy", 2);
	const addresses = envoys.map((pod) => envoyAddress(pod, release, ca, { "x-api-key": apiKey }));
	for (const address of [...addresses, gateway]) {
		for (const server of serverIds) {
			await eventually(`${server} answers at ${address.url}`, () => answers(address, server));
		}
	}
	for (const server of serverIds) {
		const legacy = await legacyClient(`${gateway.url}/${server}`, gateway.fetch);
		const modern = await modernClient(`${gateway.url}/${server}`, gateway.fetch);
		clients.push(legacy, modern);
		expect(await podOf(legacy)).toMatch(new RegExp(`^${server}-`));
		expect(await podOf(modern)).toMatch(new RegExp(`^${server}-`));
		await legacy.call("add_note", { text: `for ${server}` });
	}
	const keyless = await releaseAddress(home.name, release, ca, {});
	await expect(legacyClient(`${keyless.url}/web`, keyless.fetch)).rejects.toThrow(/API key/i);
	return gateway;
}

/** Whether the server itself answers, be it that there is no session to end. */
async function answers({ url, fetch: ask }: ReleaseAddress, server: string): Promise<boolean> {
	try {
		const response = await ask(`${url}/${server}`, { method: "DELETE" });
		const text = await response.text();
		return response.status < 500 && !/"reason":"(?:unknown_server|unauthorized)"/.test(text);
	} catch {
		return false;
	}
}

/** Waits until both namespaces are as they were, and looks for what is left elsewhere. */
export async function expectNothingLeft(ground: Ground, { inventory }: Before): Promise<void> {
	const { request, release } = ground;
	const gone = async () => JSON.stringify(await inventoryOf(ground)) === JSON.stringify(inventory);
	await eventually("the namespaces are as they were before", gone, 90_000).catch(async () => {
		expect(await inventoryOf(ground)).toEqual(inventory);
	});
	const ours = [
		`mcp-gateway/owner=${release}`,
		`app.kubernetes.io/name=mcp-gateway,app.kubernetes.io/instance=${release}`,
	];
	for (const selector of ours) expect(await labelled(request, selector), selector).toEqual([]);
}

async function inventoryOf({ request, home, tools }: Ground): Promise<Inventory> {
	return { home: await everythingIn(request, home.name), tools: await everythingIn(request, tools.name) };
}

/** Name and tag: a registry's port is no tag. */
function splitImage(reference: string) {
	const at = reference.lastIndexOf(":");
	return { repository: reference.slice(0, at), tag: reference.slice(at + 1) };
}

export function secret(name: string, stringData: Readonly<Record<string, string>>) {
	return { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData };
}

function service(name: string) {
	const spec = { selector: { app: name }, ports: [{ name: "mcp", port: httpPort, targetPort: "mcp" }] };
	return { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
}
