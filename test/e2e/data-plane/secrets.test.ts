// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call as cli } from "../../support/cli.ts";
import { envoyAdmin, runFolder } from "../../support/envoy-admin.ts";
import { eventually, freePort, type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, send, toolCall } from "./client.ts";

const TOKEN = "sk-s3cr3t-0f-th3-t3st";
let upstream: Recorder;
let gateway: Gateway;

beforeAll(async () => {
	upstream = await startRecorder();
	const headers = { Authorization: "Bearer ${GW_TEST_TOKEN}", "X-Key": "${env:GW_TEST_TOKEN}" };
	gateway = await startGateway({
		env: { GW_TEST_TOKEN: TOKEN },
		args: ["--envoy-log-level", "info"],
		registry: {
			s: { type: "http", endpoint: `${upstream.url}/mcp`, headers },
			refused: { type: "http", endpoint: `http://127.0.0.1:${await freePort()}/mcp`, headers },
			missing: { type: "http", endpoint: `${upstream.url}/mcp`, headers: { "X-Key": "${GW_TEST_MISSING}" } },
			plain: { type: "http", endpoint: `${upstream.url}/mcp` },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});

test("a header's secret reaches its own upstream and no other", async () => {
	upstream.clear();
	await send(gateway.url, "/s", toolCall("x"));
	expect((await upstream.next()).headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, "x-key": TOKEN });
	await send(gateway.url, "/plain", toolCall("x"));
	expect(JSON.stringify((await upstream.next()).headers)).not.toContain(TOKEN);
});

test("it shows nowhere: log, status, config_dump, errors, files", async () => {
	const encoded = [TOKEN, Buffer.from(TOKEN).toString("base64"), Buffer.from(`Bearer ${TOKEN}`).toString("base64")];
	const shown: Record<string, string> = {};
	for (const id of ["s", "refused", "missing"])
		shown[id] = JSON.stringify(await send(gateway.url, `/${id}`, toolCall("x")));
	shown["config_dump"] = await envoyAdmin(gateway, "/config_dump?include_eds");
	expect(shown["config_dump"]).toContain("header/s/authorization");
	for (const path of ["/clusters?format=json", "/server_info", "/init_dump", "/listeners?format=json"]) {
		shown[path] = await envoyAdmin(gateway, path);
	}
	for (const path of ["/v1/status", "/v1/servers", "/v1/servers/s"]) {
		shown[path] = await (await fetch(`${gateway.adminUrl}${path}`)).text();
	}
	shown["cli"] = JSON.stringify(await cli("status", "--json", "--admin", new URL(gateway.adminUrl).host));
	const folder = await runFolder(gateway);
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		if (entry.isFile()) shown[entry.name] = await readFile(join(folder, entry.name), "utf8");
	}
	await eventually(
		"the requests are logged",
		() => gateway.events().filter(({ server }) => server === "missing").length > 0,
	);
	shown["log"] = gateway.output();
	const processes = gateway.descendants().map(({ command }) => command);
	shown["arguments"] = processes.join("\n");
	for (const [where, text] of Object.entries(shown)) {
		for (const form of encoded) expect(text.includes(form), `the secret is in ${where}`).toBe(false);
	}
});

test("a missing variable makes its server unavailable, says which, and harms no other", async () => {
	const answer = await send(gateway.url, "/missing", toolCall("x", "m"));
	expectGatewayError(answer, "server_unavailable", {
		id: "m",
		server: "missing",
		detail: expect.stringMatching(/headers\.X-Key.*GW_TEST_MISSING/),
	});
	const servers = (await (await fetch(`${gateway.adminUrl}/v1/servers`)).json()) as { id: string; state: string }[];
	expect(Object.fromEntries(servers.map(({ id, state }) => [id, state]))).toEqual({
		s: "serving",
		refused: "serving",
		missing: "unavailable",
		plain: "serving",
	});
});
