import { status as grpcStatus } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { type ResourceType, typeUrl } from "../xds/names.ts";
import type { DeltaCall, DeltaRequest, Node } from "./protocol.ts";
import { type Push, Sequencer } from "./sequencer.ts";

/** What happened on a stream, for status and metrics. */
export interface StreamCounts {
	acks: number;
	nacks: number;
	pushes: number;
	bytes: number;
}

export interface DeltaStreamDeps {
	readonly call: DeltaCall;
	readonly log: Logger;
	/** Undefined until all sources have been read: until then nothing is sent. */
	readonly snapshot: () => Snapshot | undefined;
	/** After every change of what this Envoy has acknowledged. */
	readonly changed: (stream: DeltaStream) => void;
	readonly now: () => number;
}

const typeOf = new Map<string, ResourceType>(Object.entries(typeUrl).map(([type, url]) => [url, type as ResourceType]));

/** One Envoy on one delta ADS stream: reads requests, asks the sequencer, writes responses. */
export class DeltaStream {
	readonly sequencer = new Sequencer();
	readonly counts: StreamCounts = { acks: 0, nacks: 0, pushes: 0, bytes: 0 };
	readonly connectedAt: number;
	node: Node | undefined;
	private readonly deps: DeltaStreamDeps;
	private timer: NodeJS.Timeout | undefined;
	private ended = false;

	constructor(deps: DeltaStreamDeps) {
		this.deps = deps;
		this.connectedAt = deps.now();
		deps.call.on("data", (request: DeltaRequest) => this.receive(request));
	}

	/** Sends what is due. Call it after every change of the snapshot; calling it in vain does no harm. */
	flush(): void {
		const snapshot = this.deps.snapshot();
		if (this.ended || snapshot === undefined) return;
		const now = this.deps.now();
		const { pushes, wakeAt } = this.sequencer.next(snapshot, now);
		for (const push of pushes) this.write(push, snapshot);
		clearTimeout(this.timer);
		if (wakeAt !== undefined) this.timer = setTimeout(() => this.flush(), Math.max(1, wakeAt - now));
	}

	/** Releases what the stream holds; nothing is sent afterwards. */
	close(): void {
		this.ended = true;
		clearTimeout(this.timer);
	}

	private receive(request: DeltaRequest): void {
		if (this.ended) return;
		if (this.node === undefined) {
			if (!request.node?.id) {
				this.reject("the first request of a stream must carry node.id");
				return;
			}
			this.node = request.node;
		}
		if (request.type_url === "") {
			this.reject("a request on an aggregated stream must carry type_url");
			return;
		}
		const type = typeOf.get(request.type_url);
		if (type === undefined) {
			this.deps.log.warn(
				{ event: "xds_unknown_type", node: this.node.id, type: request.type_url },
				"no such resources here",
			);
			return;
		}
		const state = this.sequencer.types[type];
		state.subscribe(
			request.resource_names_subscribe,
			request.resource_names_unsubscribe,
			request.initial_resource_versions,
		);
		if (request.error_detail !== null) {
			this.counts.nacks += 1;
			const { message } = request.error_detail;
			state.nack(request.response_nonce, message, type === "scope", this.deps.now());
			const refused = [...state.refused.keys()];
			this.deps.log.error({ event: "xds_nack", node: this.node.id, type, refused, message }, "Envoy refused resources");
		} else if (request.response_nonce !== "" && state.ack(request.response_nonce)) {
			this.counts.acks += 1;
		}
		this.flush();
		this.deps.changed(this);
	}

	private write(push: Push, snapshot: Snapshot): void {
		const url = typeUrl[push.type];
		this.counts.pushes += 1;
		for (const { bytes } of push.upsert) this.counts.bytes += bytes.length;
		this.deps.log.debug(
			{
				event: "xds_push",
				type: push.type,
				serial: snapshot.serial,
				upsert: push.upsert.length,
				remove: push.remove.length,
			},
			"resources sent",
		);
		this.deps.call.write({
			system_version_info: String(snapshot.serial),
			type_url: url,
			nonce: push.nonce,
			resources: push.upsert.map(({ name, version, bytes }) => ({
				name,
				version,
				resource: { type_url: url, value: bytes },
			})),
			removed_resources: push.remove,
		});
	}

	private reject(details: string): void {
		this.close();
		this.deps.call.emit("error", { code: grpcStatus.INVALID_ARGUMENT, details });
	}
}
