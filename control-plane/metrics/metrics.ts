/** The control plane's own metrics. What can be told of the state at a scrape is; only durations are kept as they happen. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { describeStream, type StreamDescription } from "../ads/describe.ts";
import type { AdsServer } from "../ads/server.ts";
import type { AdsStream } from "../ads/stream.ts";
import { resourceTypes } from "../snapshot/snapshot.ts";
import type { SourceState } from "../sources/registry-source.ts";
import { isReady, type StatusDeps } from "../status/status.ts";
import type { ResourceType } from "../xds/names.ts";

export interface Metrics {
	/** A registry was read from its file, or was refused. */
	reloaded(state: SourceState): void;
	/** A text was parsed in so many milliseconds. */
	parsed(ms: number): void;
	/** A snapshot was built in so many milliseconds. */
	built(ms: number): void;
	/** Envoys may have acknowledged something. */
	acknowledged(ads: AdsServer): void;
	/** All of it in Prometheus' text format. */
	text(status: StatusDeps): Promise<string>;
}

const durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes the metrics of one control plane. @param version The gateway's. */
export function createMetrics(version: string): Metrics {
	const register = new Registry();
	const registers = [register];
	collectDefaultMetrics({ register });
	const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
		new Gauge({ name: `mcp_gateway_${name}`, help, labelNames, registers });
	const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
		new Counter({ name: `mcp_gateway_${name}`, help, labelNames, registers });
	const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
		new Histogram({ name: `mcp_gateway_${name}`, help, labelNames, registers, buckets: durations });

	const parse = histogram("registry_parse_duration_seconds", "Reading a registry's text into servers.");
	const build = histogram("snapshot_build_duration_seconds", "Making Envoy's resources of a registry.");
	const roundTrip = histogram("xds_push_ack_duration_seconds", "From a response to an Envoy to its ACK.", ["type"]);
	const reloads = counter("registry_reloads_total", "Texts of the registry taken up (ok) or refused (failed).", [
		"result",
	]);
	for (const result of ["ok", "failed"]) reloads.inc({ result }, 0);

	const info = gauge("build_info", "Always 1.", ["version"]);
	info.set({ version }, 1);
	const ready = gauge("ready", "1 if an Envoy serves the registry.");
	const loadedAt = gauge("registry_loaded_timestamp_seconds", "When the registry in force was read.");
	const faults = gauge("registry_errors", "Faults of the registry's file as it is now; 0 if it is the one in force.");
	const servers = gauge("registry_servers", "Servers of the registry in force.", ["type", "state"]);
	const certificate = gauge("certificate_expiry_timestamp_seconds", "End of the gateway's own certificate.");

	const streams = gauge("xds_streams", "Connected Envoys.", ["variant"]);
	const inSync = gauge("xds_in_sync", "1 if this Envoy has acknowledged everything, but for what it refused.", [
		"node",
	]);
	const pushes = counter("xds_responses_total", "Responses sent to an Envoy that is connected.", ["node"]);
	const sentBytes = counter("xds_sent_bytes_total", "Bytes of the resources in them.", ["node"]);
	const acks = counter("xds_acks_total", "Responses that an Envoy that is connected has taken.", ["node", "type"]);
	const nacks = counter("xds_nacks_total", "Responses that it has refused.", ["node", "type"]);
	const pending = gauge("xds_pending_resources", "Resources that it lacks or has not acknowledged yet.", [
		"node",
		"type",
	]);
	const lag = gauge("xds_lag_seconds", "For how long it has lacked something; 0 if it has all.", ["node", "type"]);
	const refused = gauge("xds_quarantined_resources", "Resources that it refuses.", ["node", "type"]);

	function collectRegistry({ source, outcomes, certificates }: StatusDeps): void {
		const state = source();
		loadedAt.set((state.loadedAt ?? 0) / 1000);
		faults.set(state.errors.length);
		servers.reset();
		for (const { server, state } of outcomes().values()) servers.inc({ type: server.type, state });
		if (certificates === undefined) register.removeSingleMetric("mcp_gateway_certificate_expiry_timestamp_seconds");
		else certificate.set(certificates.state.certificate.leaf.validToDate.getTime() / 1000);
	}

	function collectStreams(ads: AdsServer): void {
		ready.set(isReady(ads) ? 1 : 0);
		for (const metric of [streams, inSync, pushes, sentBytes, acks, nacks, pending, lag, refused]) metric.reset();
		for (const variant of ["delta", "sotw"]) streams.set({ variant }, 0);
		const now = Date.now();
		for (const stream of ads.streams) collectStream(describeStream(stream, ads.snapshot, now));
	}

	/** An Envoy that has just reconnected may be there twice for a moment: what can be added up is. */
	function collectStream(stream: StreamDescription): void {
		const { id: node, variant } = stream;
		streams.inc({ variant });
		inSync.set({ node }, stream.inSync ? 1 : 0);
		pushes.inc({ node }, stream.pushes);
		sentBytes.inc({ node }, stream.bytes);
		for (const type of resourceTypes) {
			const of = stream.perType[type];
			if (of === undefined) continue;
			acks.inc({ node, type }, of.ackCount);
			nacks.inc({ node, type }, of.nackCount);
			pending.set({ node, type }, of.pending);
			lag.set({ node, type }, of.lagMs / 1000);
			refused.set({ node, type }, stream.refused.filter((one) => one.type === type).length);
		}
	}

	/** ACKs that are in the histogram already, by stream. */
	const seen = new WeakMap<AdsStream, Map<ResourceType, number>>();

	return {
		reloaded: ({ errors }) => reloads.inc({ result: errors.length === 0 ? "ok" : "failed" }),
		parsed: (ms) => parse.observe(ms / 1000),
		built: (ms) => build.observe(ms / 1000),
		acknowledged(ads) {
			for (const stream of ads.streams) {
				const counted = seen.get(stream) ?? new Map<ResourceType, number>();
				seen.set(stream, counted);
				for (const type of resourceTypes) {
					const { acks, lastRoundTripMs } = stream.sequencer.types[type].counts;
					if (acks === (counted.get(type) ?? 0)) continue;
					counted.set(type, acks);
					roundTrip.observe({ type }, (lastRoundTripMs ?? 0) / 1000);
				}
			}
		},
		text(status) {
			collectRegistry(status);
			collectStreams(status.ads);
			return register.metrics();
		},
	};
}
