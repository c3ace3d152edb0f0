/** Control plane and Envoy as two hosts run them: mutual TLS between them, and two paths of Envoy for the kubelet. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelCredentials, Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { xdsServerName } from "../../../control-plane/ads/credentials.ts";
import { adsService } from "../../../control-plane/ads/protocol.ts";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { typeUrl } from "../../../control-plane/xds/names.ts";
import { envoyArgs } from "../../../envoy/process.ts";
import { type Certificate, makeCertificate } from "../../support/certificate.ts";
import { call } from "../../support/cli.ts";
import { envoyBinary } from "../../support/envoy.ts";
import { eventually, freePort } from "../../support/gateway.ts";
import { type Child, NODE, start } from "../../support/process.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { send } from "../data-plane/client.ts";

let folder: string;
let upstream: Recorder;
let authority: Certificate;
let stranger: Certificate;
const children: Child[] = [];
const ports = { xds: 0, admin: 0, listen: 0, probes: 0, envoyAdmin: 0 };

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "xds-tls-"));
	for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
	authority = await makeCertificate(["mcp-gateway test authority"], []);
	stranger = await makeCertificate(["another authority"], []);
	await save("ca", authority);
	await save("control-plane", await makeCertificate([xdsServerName], [], { ca: authority }));
	await save("envoy", await makeCertificate(["envoy.mcp-gateway"], [], { ca: authority }));
	await save("stranger", await makeCertificate(["envoy.mcp-gateway"], [], { ca: stranger }));
	upstream = await startRecorder({ reply: () => ({ body: "upstream" }) });
	const registry = join(folder, "registry.json");
	await writeFile(registry, JSON.stringify({ one: { type: "http", endpoint: `${upstream.url}/mcp` } }));
	children.push(
		await start(NODE, [
			mainFile,
			"control-plane",
			...["--registry", registry, "--xds", `0.0.0.0:${ports.xds}`, ...tlsArgs("control-plane")],
			...["--listen", `127.0.0.1:${ports.listen}`, "--admin", `127.0.0.1:${ports.admin}`, "--access-log", "off"],
		]),
	);
	await eventually(
		"the control plane runs",
		async () => {
			const response = await fetch(`http://127.0.0.1:${ports.admin}/healthz`).catch(() => undefined);
			return response?.ok === true;
		},
		60_000,
	);
});

afterAll(async () => {
	await Promise.all(children.map((child) => child.close(5000)));
	await upstream?.close();
	await rm(folder, { recursive: true, force: true });
});

function file(name: string): string {
	return join(folder, name);
}

async function save(name: string, { cert, key }: Certificate): Promise<void> {
	await writeFile(file(`${name}.crt`), cert);
	await writeFile(file(`${name}.key`), key);
}

function tlsArgs(name: string): string[] {
	return ["--xds-ca", file("ca.crt"), "--xds-cert", file(`${name}.crt`), "--xds-key", file(`${name}.key`)];
}

/** Starts an Envoy with the bootstrap that the command line prints. */
async function addEnvoy(certificate: string): Promise<Child> {
	const args = ["--xds", `127.0.0.1:${ports.xds}`, ...tlsArgs(certificate), "--probes", `127.0.0.1:${ports.probes}`];
	const { stdout } = await call("bootstrap", ...args, "--envoy-admin", `127.0.0.1:${ports.envoyAdmin}`);
	await writeFile(file("envoy.yaml"), stdout);
	const envoy = await start(
		await envoyBinary(),
		envoyArgs({ config: file("envoy.yaml"), concurrency: 1, logLevel: "warning", drainSeconds: 1 }),
		{ guarded: true },
	);
	children.push(envoy);
	return envoy;
}

/** Asks for all scopes as an Envoy would, and tells what it got. */
async function ask(channel: ChannelCredentials): Promise<"answer" | ServiceError> {
	const client = new Client(`127.0.0.1:${ports.xds}`, channel, {
		"grpc.ssl_target_name_override": xdsServerName,
	});
	const method = adsService()["DeltaAggregatedResources"]!;
	const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
	try {
		return await new Promise((resolve) => {
			stream.on("data", () => resolve("answer"));
			stream.on("error", (error: ServiceError) => resolve(error));
			stream.write({ node: { id: "a", cluster: "mcp-gateway" }, type_url: typeUrl.cluster });
		});
	} finally {
		stream.on("error", () => {});
		stream.cancel();
		client.close();
	}
}

test("who has no certificate of the authority learns nothing", async () => {
	const [ca, cert, key] = [authority.cert, stranger.cert, stranger.key].map((pem) => Buffer.from(pem));
	const cases: Record<string, ChannelCredentials> = {
		"plain text": credentials.createInsecure(),
		"no certificate": credentials.createSsl(ca),
		"another authority's": credentials.createSsl(ca, key, cert),
	};
	for (const [name, channel] of Object.entries(cases)) {
		expect(await ask(channel), name).toMatchObject({ code: expect.any(Number) });
	}
});

test("Envoy gets the registry over it, and shows others two paths of itself", async () => {
	const strange = await addEnvoy("stranger");
	await strange.waitFor(/gRPC config stream to xds closed|TLS|certificate/i, 30_000);
	expect((await send(`http://127.0.0.1:${ports.listen}`, "/one").catch(() => undefined))?.status).toBeUndefined();
	await strange.close(1000);

	await addEnvoy("envoy");
	const probes = `http://127.0.0.1:${ports.probes}`;
	await eventually(
		"Envoy is ready",
		async () => {
			return (await fetch(`${probes}/ready`).catch(() => undefined))?.status === 200;
		},
		30_000,
	);
	await eventually("the server answers", async () => {
		return (await send(`http://127.0.0.1:${ports.listen}`, "/one").catch(() => undefined))?.status === 200;
	});
	expect(await (await fetch(`${probes}/stats/prometheus`)).text()).toContain("envoy_server_live");
	const refused = ["/", "/config_dump", "/quitquitquit", "/stats", "/ready/../config_dump", "/certs"];
	for (const path of refused) expect((await send(probes, path)).status, path).toBe(404);
	expect((await fetch(`${probes}/ready`, { method: "POST" })).status).toBe(404);
});
