import { chmodSync, rmSync } from "node:fs";
import { status as grpcStatus, Server, ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { DeltaStream } from "./delta-stream.ts";
import { adsService, type DeltaCall } from "./protocol.ts";

export interface AdsServerOptions {
	/** `unix:/path` or `HOST:PORT`. */
	readonly address: string;
	readonly log: Logger;
	/** After every change of what an Envoy has acknowledged, and when one comes or goes. */
	readonly onChange: () => void;
}

/** The ADS server: one snapshot for all Envoys, each with its own acknowledged state. */
export interface AdsServer {
	/** Makes a snapshot the one to serve. Before the first one, nothing is sent. */
	setSnapshot(snapshot: Snapshot): void;
	readonly snapshot: Snapshot | undefined;
	readonly streams: ReadonlySet<DeltaStream>;
	/** Where it listens; tells the port where 0 was asked for. */
	readonly address: string;
	close(): Promise<void>;
}

/** Starts the server. @throws Error where the address cannot be bound. */
export async function startAdsServer({ address, log, onChange }: AdsServerOptions): Promise<AdsServer> {
	const streams = new Set<DeltaStream>();
	let current: Snapshot | undefined;

	const server = new Server({
		"grpc.max_receive_message_length": -1,
		"grpc.max_send_message_length": -1,
		// An Envoy that is gone without a word is noticed, and its stream released.
		"grpc.keepalive_time_ms": 30_000,
		"grpc.keepalive_timeout_ms": 10_000,
	});
	server.addService(adsService(), {
		DeltaAggregatedResources(call: DeltaCall) {
			const stream = new DeltaStream({ call, log, snapshot: () => current, changed: onChange, now: Date.now });
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
		},
		StreamAggregatedResources(call: DeltaCall) {
			const details = "this version speaks delta xDS only: set api_type to DELTA_GRPC";
			call.emit("error", { code: grpcStatus.UNIMPLEMENTED, details });
		},
	});

	const socket = address.startsWith("unix:") ? address.slice("unix:".length) : undefined;
	// A socket file that a killed predecessor left behind would make the bind fail.
	if (socket !== undefined) rmSync(socket, { force: true });
	const port = await new Promise<number>((resolve, reject) => {
		server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
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
