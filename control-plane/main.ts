import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import type { Logger } from "pino";
import { startAdminApi } from "./admin/server.ts";
import { tokenSource } from "./admin/token.ts";
import type { XdsTlsFiles } from "./ads/credentials.ts";
import { type AdsServer, startAdsServer } from "./ads/server.ts";
import { isLoopback, parseAddress } from "./cli/address.ts";
import { version } from "./cli/version.ts";
import { askBridges } from "./detection/ask-bridges.ts";
import { createDetector } from "./detection/detector.ts";
import { createEntryList } from "./detection/entries.ts";
import { openFindingsFile } from "./detection/findings-file.ts";
import { probeHttp } from "./detection/probe-http.ts";
import type { BuildContext } from "./ir/build.ts";
import type { ApiKey, ListenerIR, ListenerTlsIR, TraceIR } from "./ir/model.ts";
import { createListening } from "./kubernetes/discovery/listening.ts";
import { createKubernetes, type KubernetesOptions } from "./kubernetes/kubernetes.ts";
import { createCharts } from "./kubernetes/objects/chart.ts";
import { startWriter } from "./kubernetes/write/writer.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { unknownServers } from "./registry/api-keys.ts";
import { type ExpandDeps, expand } from "./registry/expand.ts";
import type { Registry } from "./registry/model.ts";
import { type Built, createSnapshotBuilder } from "./snapshot/builder.ts";
import { changedNames } from "./snapshot/overlay.ts";
import { createPace } from "./snapshot/pace.ts";
import { type ApiKeyPlaces, type ApiKeySource, createApiKeySource } from "./sources/api-key-source.ts";
import type { TlsFiles } from "./sources/certificate.ts";
import { createCertificateSource } from "./sources/certificate-source.ts";
import { parseConfigMapPlace } from "./sources/config-map-place.ts";
import { createConfigMapSource } from "./sources/config-map-source.ts";
import { createFileSource } from "./sources/file-source.ts";
import type { EditableSource } from "./sources/registry-source.ts";
import { createRegistryWriter } from "./sources/registry-writer.ts";
import { waitInSync } from "./status/in-sync.ts";
import { isReady, type StatusDeps } from "./status/status.ts";

export interface ControlPlaneOptions {
	/** A file, or `configmap:NAMESPACE/NAME`. */
	readonly registryFile: string;
	/** Where Envoy asks for its configuration: `unix:/path` or `HOST:PORT`. */
	readonly xds: string;
	/** Mutual TLS on that address; left out: plain text. */
	readonly xdsTls?: XdsTlsFiles;
	/** Where Envoy shall listen for clients. */
	readonly listen: { readonly host: string; readonly port: number };
	readonly admin: { readonly host: string; readonly port: number };
	/** File with the admin API's token; the environment may hold it instead. */
	readonly adminTokenFile?: string;
	/** Addresses of the stdio bridge's workers. */
	readonly bridges: readonly string[];
	readonly envoyAdmin?: string;
	/** Where what detection found outlives a restart; left out: nowhere. */
	readonly findingsFile?: string;
	/** Age at which an Envoy's connection is ended, for it to connect anew; left out: never. */
	readonly maxConnectionAgeMs?: number;
	readonly allowOrigins: readonly string[];
	readonly allowHosts: readonly string[];
	readonly maxBodyBytes: number;
	readonly mcpFilter: boolean;
	readonly accessLog: string;
	/** Left out: no key is asked for. */
	readonly apiKeys?: ApiKeyPlaces;
	readonly trace: TraceIR;
	readonly kubernetes: KubernetesOptions;
	/** Left out: plain HTTP. */
	readonly tls?: TlsFiles;
	readonly log: Logger;
	/** Called once, when the first Envoy serves. */
	readonly onReady?: (info: { servers: readonly string[] }) => void;
	readonly processes?: () => readonly unknown[];
}

export interface ControlPlane {
	/** Where Envoy reaches it; tells the port where 0 was asked for. */
	readonly xds: string;
	/** Reads registry and secrets again, as SIGHUP asks for. */
	reload(): Promise<void>;
	close(): Promise<void>;
}

/** So long the first snapshot waits for what is being detected, and for the first look at a cluster. */
const firstRoundMs = 3000;

/**
 * Milliseconds between two builds for changes of a cluster, at least and at most; a change after a quiet time is built
 * at once. In between it is four times what the last one took: the first one of all takes long, and is no measure.
 */
const clusterGapMs = { least: 15, most: 100 };

/** Wires the way of the data: source → builder → ADS, with the admin API beside it. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
	const { log } = options;
	const bridges = options.bridges.map(parseAddress);
	const expandDeps: ExpandDeps = { env: process.env, readFile };
	const findingsFile = options.findingsFile === undefined ? undefined : openFindingsFile(options.findingsFile, log);
	const detector = createDetector({
		log,
		...(findingsFile === undefined ? {} : { before: findingsFile.before, keep: findingsFile.save }),
		probeHttp: (target, signal) => probeHttp(target, { timeoutMs: 3000, signal }),
		probeStdio: (server, signal) => askBridges(bridges, server, signal),
		// Findings come in bursts: with thousands of entries a build for each would be all that the process does.
		onChange: () => {
			if (built !== undefined) findings ??= setTimeout(build, Math.max(10, 4 * buildMs));
		},
	});
	const charts = createCharts(options.kubernetes.charts, options.kubernetes.bridgeImage);
	const listening = createListening(charts, log);
	const kubernetes = createKubernetes({
		options: options.kubernetes,
		env: process.env,
		log,
		listening: listening.of,
		onChange: () => clusterChanges.run(),
		write: ({ api: { request }, connection: { facts }, cache }) =>
			startWriter({ request, namespace: facts.namespace, cache, ...options.kubernetes, charts, log }),
	});
	const entriesOf = createEntryList();
	const context: BuildContext = {
		expand: (template) => expand(template, expandDeps),
		readFile,
		bridges,
		detection: ({ id }) => detector.detection(id),
		discover: kubernetes.discover,
	};
	const builder = createSnapshotBuilder(
		[...new Set([...getCACertificates("default"), ...getCACertificates("system")])].join("\n"),
	);

	let built: Built | undefined;
	/** What changes before the first build is part of it; until then there is not even a source to build from. */
	const changed = () => {
		if (built !== undefined) rebuild();
	};
	// Before anything is served: with faulty keys the gateway does not start, rather than start without them.
	const keys: ApiKeySource | undefined =
		options.apiKeys === undefined
			? undefined
			: createApiKeySource({ ...expandDeps, places: options.apiKeys, log, changed });

	const certificates =
		options.tls === undefined ? undefined : createCertificateSource({ files: options.tls, log, changed });

	let buildMs = 0;
	let findings: NodeJS.Timeout | undefined;
	const clusterChanges = createPace(
		() => {
			if (built !== undefined) build();
		},
		() => Math.min(clusterGapMs.most, Math.max(clusterGapMs.least, 4 * buildMs)),
	);
	let announced = false;
	const ads: AdsServer = await startAdsServer({
		address: options.xds,
		log,
		onChange: acknowledged,
		maxConnectionAgeMs: options.maxConnectionAgeMs,
		tls: options.xdsTls,
	});

	const metrics = createMetrics(version());
	const watchers = new Set<() => void>();
	function acknowledged(): void {
		announce();
		metrics.acknowledged(ads);
		for (const watcher of [...watchers]) watcher();
	}
	function onAcknowledged(watcher: () => void): () => void {
		watchers.add(watcher);
		return () => watchers.delete(watcher);
	}

	function announce(): void {
		if (announced || built === undefined || !isReady(ads)) return;
		announced = true;
		const serving = [...built.outcomes.values()].filter(({ state }) => state === "serving");
		options.onReady?.({ servers: serving.map(({ server }) => server.id) });
	}

	const source = await registrySource(options, metrics.parsed);
	let warned = "";
	let held = false;
	let inForce: Registry | undefined;
	/** Looks at what entries leave open, then builds. */
	function rebuild(): void {
		const { registry } = source.state;
		if (registry === undefined) return;
		kubernetes.setServers(registry);
		detector.setEntries(entriesOf(registry, context));
		// A control plane that starts again must not take servers from an Envoy that has them.
		if (built !== undefined || (detector.detecting === 0 && !kubernetes.looking)) build();
		else if (!held) {
			held = true;
			void Promise.all([detector.firstRound(firstRoundMs), kubernetes.firstLook(firstRoundMs)]).then(build);
		}
	}
	/** Derives everything anew: registry, secrets, findings and API keys as they are now. */
	function build(): void {
		clearTimeout(findings);
		findings = undefined;
		const { registry } = source.state;
		// Before there is a good registry nothing is served at all: not an empty world.
		if (registry === undefined) return;
		const before = built;
		const apiKeys = keys?.state.keys ?? [];
		const from = performance.now();
		try {
			built = builder.build(registry, listenerOf(options, apiKeys, certificates?.state.certificate.tls), context);
		} catch (error) {
			log.error({ event: "snapshot_refused", err: error }, "what Envoy would be sent is faulty; what it has stays");
			return;
		}
		buildMs = performance.now() - from;
		metrics.built(buildMs);
		ads.setSnapshot(built.snapshot);
		const { outcomes } = built;
		const looked = before === undefined ? undefined : changedNames(before.outcomes, outcomes);
		for (const id of looked ?? outcomes.keys()) {
			const problem = outcomes.get(id)?.problem;
			if (problem === undefined || before?.outcomes.get(id)?.problem === problem) continue;
			log.warn({ event: "server_unavailable", server: id, problem }, `${id}: ${problem}`);
		}
		const unknown = [...unknownServers(apiKeys, (id) => registry.servers.has(id))];
		const warning = unknown.map(([key, ids]) => `${key}: ${ids.join(", ")}`).join("; ");
		if (warning !== warned && unknown.length > 0) {
			log.warn(
				{ event: "api_key_servers", keys: Object.fromEntries(unknown) },
				`keys for servers not in the registry: ${warning}`,
			);
		}
		warned = warning;
		if (before === undefined || inForce !== registry) {
			log.info({ event: "registry_in_force", servers: registry.servers.size }, "registry in force");
		}
		inForce = registry;
	}
	metrics.reloaded(source.state);
	const unsubscribe = source.subscribe((state) => {
		metrics.reloaded(state);
		if (state.errors.length === 0) rebuild();
	});
	rebuild();

	const status: StatusDeps = {
		registryFile: options.registryFile,
		source: () => source.state,
		apiKeys: () => keys?.state,
		outcomes: () => built?.outcomes ?? new Map(),
		ads,
		envoyAdmin: options.envoyAdmin === undefined ? undefined : parseAddress(options.envoyAdmin),
		bridges,
		kubernetes,
		certificates,
		processes: options.processes ?? (() => []),
	};
	const admin = await startAdminApi({
		...options.admin,
		loopback: isLoopback(options.admin),
		token: tokenSource(options.adminTokenFile, process.env),
		version: version(),
		status,
		registry: {
			writer: createRegistryWriter(source),
			parse: source.parse,
			waitInSync: (timeoutMs) => waitInSync(ads, onAcknowledged, timeoutMs),
		},
		metrics,
		log,
	});

	return {
		xds: ads.address,
		async reload() {
			keys?.reload();
			certificates?.reload();
			await source.reload();
			// The texts may be the same, but what their placeholders and charts stand for may have changed.
			listening.forget();
			rebuild();
			kubernetes.reload();
			detector.again();
		},
		async close() {
			unsubscribe();
			keys?.close();
			certificates?.close();
			detector.close();
			clusterChanges.close();
			await kubernetes.close();
			findingsFile?.close();
			clearTimeout(findings);
			await source.close();
			await admin.close();
			await ads.close();
		},
	};
}

function registrySource(
	{ registryFile: path, kubernetes, log }: ControlPlaneOptions,
	parsed: (ms: number) => void,
): Promise<EditableSource> {
	const place = parseConfigMapPlace(path);
	if (place === undefined) return createFileSource({ path, log, parsed });
	return createConfigMapSource({ path, place, connection: { ...kubernetes, env: process.env }, log, parsed });
}

function listenerOf(options: ControlPlaneOptions, apiKeys: readonly ApiKey[], tls?: ListenerTlsIR): ListenerIR {
	return {
		host: options.listen.host,
		port: options.listen.port,
		allowOrigins: options.allowOrigins,
		allowHosts: answeredHosts(options),
		maxBodyBytes: options.maxBodyBytes,
		mcpFilter: options.mcpFilter,
		accessLog: options.accessLog,
		tcpKeepAlive: process.platform === "linux",
		apiKeys,
		trace: options.trace,
		...(tls === undefined ? {} : { tls }),
	};
}

/**
 * On loopback a Host that is no loopback name comes from a web page that rebinds its DNS name to this machine. Elsewhere
 * any name is answered for, unless names are given.
 */
function answeredHosts({ listen, allowHosts }: ControlPlaneOptions): readonly string[] {
	return isLoopback(listen) ? ["localhost", "127.0.0.1", "[::1]", ...allowHosts] : allowHosts;
}

function readFile(path: string): string {
	return readFileSync(path, "utf8");
}
