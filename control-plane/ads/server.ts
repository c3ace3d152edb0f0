import { chmodSync, rmSync } from "node:fs";
import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { type XdsTlsFiles, xdsCredentials } from "./credentials.ts";
import { deltaProtocol } from "./delta.ts";
import {
	type AdsCall,
	type AdsRequest,
	adsService,
	type DeltaRequest,
	type DeltaResponse,
	type SotwRequest,
	type SotwResponse,
} from "./protocol.ts";
import { sotwProtocol } from "./sotw.ts";
import { type AdsStream, type StreamDeps, serveStream } from "./stream.ts";

export interface AdsServerOptions {
	/** `unix:/path` or `HOST:PORT`. */
	readonly address: string;
	readonly log: Logger;
	/** After every change of what an Envoy has acknowledged, and when one comes or goes. */
	readonly onChange: () => void;
	/**
	 * Ends a connection at this age, give or take a tenth by chance, so that Envoys spread anew over several control
	 * planes; Envoy reconnects with what it has. Left out: never.
	 */
	readonly maxConnectionAgeMs?: number | undefined;
	/** Left out: plain text, for addresses that nobody else reaches. */
	readonly tls?: XdsTlsFiles | undefined;
}

/** An Envoy whose connection has reached its age gets this long to answer what is under way. */
const ageGraceMs = 1000;

/** The ADS server: one snapshot for all Envoys, each with its own acknowledged state. */
export interface AdsServer {
	/** Makes a snapshot the one to serve. Before the first one, nothing is sent. */
	setSnapshot(snapshot: Snapshot): void;
	readonly snapshot: Snapshot | undefined;
	readonly streams: ReadonlySet<AdsStream>;
	/** Where it listens; tells the port where 0 was asked for. */
	readonly address: string;
	close(): Promise<void>;
}

/** Starts the server. @throws Error where the address cannot be bound. */
export async function startAdsServer(options: AdsServerOptions): Promise<AdsServer> {
	const { address, log, onChange, maxConnectionAgeMs } = options;
	const streams = new Set<AdsStream>();
	let current: Snapshot | undefined;

	const server = new Server({
		"grpc.max_receive_message_length": -1,
		"grpc.max_send_message_length": -1,
		// An Envoy that is gone without a word is noticed, and its stream released.
		"grpc.keepalive_time_ms": 30_000,
		"grpc.keepalive_timeout_ms": 10_000,
		...(maxConnectionAgeMs === undefined
			? {}
			: { "grpc.max_connection_age_ms": maxConnectionAgeMs, "grpc.max_connection_age_grace_ms": ageGraceMs }),
	});

	function serve<Request extends AdsRequest, Response>(
		call: AdsCall<Request, Response>,
		{ variant, protocol }: Pick<StreamDeps<Request, Response>, "variant" | "protocol">,
	): void {
		const snapshot = () => current;
		const stream = serveStream({ call, variant, protocol, log, snapshot, changed: onChange, now: () => Date.now() });
		streams.add(stream);
		const gone = () => {
			stream.close();
			if (!streams.delete(stream)) return;
			log.info({ event: "envoy_disconnected", node: stream.node?.id }, "an Envoy has left");
			onChange();
		};
		call.on("end", () => {
			gone();
			call.end();
		});
		call.on("cancelled", gone);
		call.on("error", gone);
	}

	server.addService(adsService(), {
		DeltaAggregatedResources(call: AdsCall<DeltaRequest, DeltaResponse>) {
			serve(call, { variant: "delta", protocol: deltaProtocol });
		},
		StreamAggregatedResources(call: AdsCall<SotwRequest, SotwResponse>) {
			serve(call, { variant: "sotw", protocol: sotwProtocol });
		},
	});

	const socket = address.startsWith("unix:") ? address.slice("unix:".length) : undefined;
	// A socket file that a killed predecessor left behind would make the bind fail.
	if (socket !== undefined) rmSync(socket, { force: true });
	const port = await new Promise<number>((resolve, reject) => {
		server.bindAsync(address, xdsCredentials(options.tls), (error, bound) =>
			error === null ? resolve(bound) : reject(error),
		);
	});
	if (socket !== undefined) chmodSync(socket, 0o600);

	return {
		streams,
		get snapshot() {
			return current;
		},
		address: socket === undefined ? address.replace(/:0$/, `:${port}`) : address,
		setSnapshot(snapshot) {
			current = snapshot;
			for (const stream of streams) stream.flush();
		},
		async close() {
			for (const stream of streams) stream.close();
			server.forceShutdown();
			if (socket !== undefined) rmSync(socket, { force: true });
		},
	};
}
