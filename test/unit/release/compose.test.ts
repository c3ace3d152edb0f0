import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { commandSet } from "../../../control-plane/cli/main.ts";
import { type CommandSet, runCli } from "../../../control-plane/cli/run-cli.ts";
import { version } from "../../../control-plane/cli/version.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { ENVOY_VERSION } from "../../../envoy/version.ts";
import { install } from "../../../stdio-bridge/image/install.ts";
import { type ComposeService, isOnce, readCompose } from "../../support/compose.ts";
import { ROOT } from "../../support/process.ts";

const compose = readCompose();
const services = Object.entries(compose.services);
const registryText = readFileSync(join(ROOT, "docs/examples/docker/mcp-gateway.yaml"), "utf8");

function service(name: string): ComposeService {
	const found = compose.services[name];
	if (found === undefined) throw new Error(`there is no service ${name}`);
	return found;
}

/** The value of an option in a command. */
const option = ({ command }: ComposeService, name: string) =>
	command.filter((one) => one.startsWith(`--${name}=`)).map((one) => one.slice(name.length + 3));

const sharedNetworks = (one: string, other: string) =>
	service(one).networks.filter((network) => service(other).networks.includes(network));

describe("containers", () => {
	test.each(services)("%s may do nothing that it need not", (_, one) => {
		expect(one).toMatchObject({
			...{ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] },
			user: expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/),
		});
	});

	test("only Envoy is to be reached, at the port of clients, and on loopback alone", () => {
		const published = services.filter(([, { ports }]) => ports.length > 0);
		expect(published.map(([name, { ports }]) => [name, ports])).toEqual([["envoy", ["127.0.0.1:8080:8080"]]]);
		expect(option(service("control-plane"), "listen")).toEqual(["0.0.0.0:8080"]);
	});

	test("what goes on tells its health, and what ends has no network", () => {
		const odd = services.filter(
			([, one]) => isOnce(one) !== (one.healthcheck === undefined && one.network_mode === "none"),
		);
		expect(odd.map(([name]) => name)).toEqual([]);
	});

	test("names of services, networks and volumes are those of something, and nothing is left over", () => {
		for (const [, { depends_on }] of services) {
			for (const [name, { condition }] of Object.entries(depends_on)) {
				expect(isOnce(service(name))).toBe(condition === "service_completed_successfully");
			}
		}
		const networks = services.flatMap(([, one]) => one.networks);
		expect([...new Set(networks)].sort()).toEqual(Object.keys(compose.networks).sort());
		const sources = services.flatMap(([, one]) => one.volumes.map(({ source }) => source));
		const named = sources.filter((source) => !source.startsWith("."));
		expect([...new Set(named)].sort()).toEqual(Object.keys(compose.volumes).sort());
		for (const source of sources) if (source.startsWith(".")) expect(existsSync(join(ROOT, source)), source).toBe(true);
	});

	test("each volume has one service that writes to it, which has ended before others begin", () => {
		for (const volume of Object.keys(compose.volumes)) {
			const users = services.flatMap(([name, one]) =>
				one.volumes.filter(({ source }) => source === volume).map(({ readOnly }) => ({ name, readOnly })),
			);
			const [writer, ...others] = users.filter(({ readOnly }) => !readOnly);
			expect(others, volume).toEqual([]);
			expect(isOnce(service(writer?.name ?? "")), volume).toBe(true);
			for (const { name } of users.filter(({ readOnly }) => readOnly)) {
				expect(needs(name), `${name} has ${volume}`).toContain(writer?.name);
			}
		}
	});

	/** Services that must have ended or be healthy before this one begins. */
	function needs(name: string): string[] {
		return Object.keys(service(name).depends_on).flatMap((one) => [one, ...needs(one)]);
	}
});

describe("images", () => {
	test("ours are of this version, each from its Dockerfile; Envoy's is the chart's", () => {
		const values = parse(readFileSync(join(ROOT, "charts/mcp-gateway/values.yaml"), "utf8"));
		const made = Object.fromEntries(
			services.map(([, { image, build }]) => [image, build && join(build.context, build.dockerfile)]),
		);
		expect(made).toEqual({
			[`${values.image.repository}:${version()}`]: "control-plane/Dockerfile",
			[`${values.bridgeImage.repository}:${version()}`]: "stdio-bridge/Dockerfile",
			[`mcp-gateway-examples:${version()}`]: "docs/examples/docker/servers/Dockerfile",
			[`${values.envoy.image.repository}:v${ENVOY_VERSION}`]: undefined,
		});
	});

	test("the folders that get a volume's owner from their image are in it", () => {
		for (const [name, { image, build, volumes, user }] of services.filter(([, one]) => isOnce(one))) {
			const dockerfile = readFileSync(join(ROOT, build?.context ?? "", build?.dockerfile ?? ""), "utf8");
			for (const { target } of volumes) expect(dockerfile, `${name}, ${image}`).toContain(target);
			expect(dockerfile).toContain(`USER ${user}\n`);
		}
	});
});

describe("commands", () => {
	/** The same commands, which only check their command line. */
	const idle = (set: CommandSet): CommandSet => ({
		...set,
		commands: set.commands.map((one) => ({
			...one,
			module: (done) => ({ ...one.module(done), handler: () => done(0) }),
		})),
	});
	const known = idle({ ...commandSet, commands: [...commandSet.commands, install] });
	const ours = services.filter(([, { image, entrypoint }]) => /gateway/.test(image) && entrypoint?.[0] !== "node");
	const withCommand = ours.filter(([, { command }]) => command[0] !== "node");

	test.each(withCommand)("`%s` is a command line of `mcp-gateway`", async (_, { command }) => {
		expect(await runCli(command, known)).toBe(0);
	});

	test("one that is none is found", async () => {
		expect(withCommand.length).toBe(5);
		expect(await runCli(["bootstrap", "--unknown"], known)).toBe(2);
	});

	test("paths that they name are those of a volume", () => {
		for (const [name, { command, volumes, tmpfs }] of withCommand) {
			const places = [...volumes.map(({ target }) => target), ...tmpfs];
			// Its answer, which Envoy reads.
			if (name === "bootstrap") places.push(...service("envoy").volumes.map(({ target }) => target));
			const paths = command.flatMap((one) => /(?:^|=)(\/.*)/.exec(one)?.[1] ?? []);
			expect(paths.length).toBeGreaterThan(0);
			for (const path of paths) {
				const within = places.some(
					(place) => place === path || place.startsWith(`${path}/`) || path.startsWith(`${place}/`),
				);
				expect(within, `${name}: ${path}`).toBe(true);
			}
		}
	});

	test("addresses in them are those of services in a common network, at the ports that these listen at", () => {
		expect(option(service("bootstrap"), "xds")).toEqual(["control-plane:18000"]);
		expect(option(service("control-plane"), "xds")).toEqual(["0.0.0.0:18000"]);
		expect(sharedNetworks("envoy", "control-plane")).toContain("xds");
		const [listen = ""] = option(service("bridge"), "listen");
		const workers = Number(option(service("bridge"), "workers")[0]);
		const port = Number(listen.split(":")[1]);
		const addresses = Array.from({ length: workers }, (_, index) => `bridge:${port + index}`);
		expect(option(service("control-plane"), "bridge")).toEqual(addresses);
		expect(sharedNetworks("envoy", "bridge")).toEqual(["bridge"]);
		// The bridge asks nobody for a key: servers in containers of their own do not reach it.
		expect(sharedNetworks("bridge", "everything")).toEqual([]);
	});
});

test("the registry is one, and its servers are services that Envoy reaches, or programs of the bridge's image", () => {
	const parsed = parseRegistry(registryText, "mcp-gateway.yaml");
	if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
	for (const server of parsed.registry.servers.values()) {
		if (server.type === "http") {
			const { hostname } = new URL(server.endpoints[0]?.url ?? "");
			expect(sharedNetworks("envoy", hostname)).not.toEqual([]);
			expect(sharedNetworks("control-plane", hostname)).not.toEqual([]);
		} else if (server.type === "stdio") {
			const [, packageName = ""] = /node_modules\/(@[^/]+\/[^/]+)\//.exec(server.command[1] ?? "") ?? [];
			const dockerfile = readFileSync(join(ROOT, "docs/examples/docker/servers/Dockerfile"), "utf8");
			const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
			expect(dockerfile).toContain(`${packageName}@${devDependencies[packageName]}`);
		}
	}
	expect(parsed.registry.servers.size).toBe(3);
});
