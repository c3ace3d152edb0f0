import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readCompose } from "../support/compose.ts";
import { eventually } from "../support/gateway.ts";
import { legacyClient, type McpClient, modernClient } from "./support/clients.ts";
import { composeLabel, composePods } from "./support/compose-pods.ts";
import { loadDocumentedImages } from "./support/documented-images.ts";
import { kubectl } from "./support/kubectl.ts";
import { useNamespace } from "./support/namespace.ts";

/** What compose.yaml describes, run as pods: there is a cluster here and no Docker. See docs/adr/0032-compose.md */

const compose = readCompose();
const namespace = useNamespace("compose");
let gateway: string;
const clients: McpClient[] = [];

beforeAll(async () => {
	await loadDocumentedImages();
	await namespace.create(...composePods(compose));
	await namespace.readyPods("", 4, 180_000);
	const [pod] = await namespace.pods(composeLabel("envoy"));
	const [published = ""] = compose.services["envoy"]?.ports ?? [];
	gateway = `http://${pod?.status?.podIP}:${published.split(":").at(-1)}`;
}, 900_000);
beforeEach(() => namespace.tellOnFailure());
afterAll(async () => {
	for (const client of clients) await client.close().catch(() => {});
});

async function connected(client: Promise<McpClient>): Promise<McpClient> {
	const one = await client;
	clients.push(one);
	return one;
}

describe.each(["everything", "everything-stdio"])("%s", (server) => {
	test("answers clients of both eras", async () => {
		for (const connect of [legacyClient, modernClient]) {
			const client = await connected(connect(`${gateway}/${server}`));
			expect(await client.call("echo", { message: "from outside" })).toContain("from outside");
		}
	});
});

test("the file server shows the folder that is mounted, and nothing else", async () => {
	const client = await connected(legacyClient(`${gateway}/filesystem`));
	expect(await client.call("read_text_file", { path: "/files/hello.txt" })).toContain("This file is served");
	await expect(client.call("read_text_file", { path: "/registry/mcp-gateway.yaml" })).rejects.toThrow();
});

test("sessions spread over both containers of a service, and each stays where it is", async () => {
	const hosts = new Set<string>();
	// Envoy asks for the addresses of a name every few seconds.
	await eventually("both have sessions", async () => {
		const client = await connected(legacyClient(`${gateway}/everything`));
		const host = await hostOf(client);
		expect(await hostOf(client)).toBe(host);
		hosts.add(host);
		return hosts.size === 2;
	});
	expect([...hosts].sort()).toEqual(["everything-1", "everything-2"]);
});

describe("commands in the control plane's container", () => {
	const within = ["exec", "--namespace", namespace.name, "control-plane", "--container", "control-plane", "--"];

	test("`status` tells of every server, with the token that is there", async () => {
		const main = "/app/control-plane/cli/mcp-gateway.js";
		const told = await kubectl([...within, "node", main, "status", "--admin-token-file", "/admin/token"]);
		for (const server of ["everything", "everything-stdio", "filesystem"]) expect(told).toContain(server);
		await expect(kubectl([...within, "node", main, "status"])).rejects.toThrow(/token/);
	});

	test("the image tells what it holds", async () => {
		const bill: { components: { name: string }[] } = JSON.parse(
			await kubectl([...within, "cat", "/app/sbom.cdx.json"]),
		);
		const names = bill.components.map(({ name }) => name);
		expect(names).toEqual(expect.arrayContaining(["fastify", "node", "libc6"]));
	});
});

async function hostOf(client: McpClient): Promise<string> {
	const { HOSTNAME } = JSON.parse(await client.call("get-env"));
	return HOSTNAME;
}
