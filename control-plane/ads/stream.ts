import { status as grpcStatus } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { type ResourceType, typeUrl } from "../xds/names.ts";
import type { AdsCall, AdsRequest, Node } from "./protocol.ts";
import { type Push, Sequencer } from "./sequencer.ts";
import type { Variant } from "./traits.ts";

/** What differs between delta and state-of-the-world: how requests are read and responses worded. */
export interface Protocol<Request extends AdsRequest, Response> {
	/** Takes what the request asks for. @returns False where the request is stale and nothing in it counts. */
	subscribe(type: ResourceType, request: Request): boolean;
	/**
	 * Compares what Envoy has from an earlier stream with the snapshot; before anything is sent.
	 * @param ageMs Of the stream.
	 * @returns Milliseconds that nothing is to be sent for, unless the snapshot changes; 0: send.
	 */
	recall(snapshot: Snapshot, ageMs: number): number;
	response(push: Push, snapshot: Snapshot): Response;
}

export interface StreamDeps<Request extends AdsRequest, Response> {
	readonly call: AdsCall<Request, Response>;
	readonly variant: Variant;
	readonly protocol: (sequencer: Sequencer) => Protocol<Request, Response>;
	readonly log: Logger;
	/** Undefined until all sources have been read: until then nothing is sent. */
	readonly snapshot: () => Snapshot | undefined;
	/** After every change of what this Envoy has acknowledged. */
	readonly changed: () => void;
	readonly now: () => number;
}

/** One Envoy on one ADS stream, as status and metrics see it. */
export interface AdsStream {
	readonly variant: Variant;
	readonly sequencer: Sequencer;
	readonly connectedAt: number;
	/** Undefined before the first request. */
	readonly node: Node | undefined;
	/** Responses sent, and the bytes of their resources. */
	readonly sent: { readonly pushes: number; readonly resources: number; readonly bytes: number };
	/** Sends what is due. Call it after every change of the snapshot; calling it in vain does no harm. */
	flush(): void;
	/** Releases what the stream holds; nothing is sent afterwards. */
	close(): void;
}

const typeOf = new Map<string, ResourceType>(Object.entries(typeUrl).map(([type, url]) => [url, type as ResourceType]));

/** Reads requests, asks the sequencer, writes responses. */
export function serveStream<Request extends AdsRequest, Response>(deps: StreamDeps<Request, Response>): AdsStream {
	const { call, log, now } = deps;
	const sequencer = new Sequencer(deps.variant);
	const protocol = deps.protocol(sequencer);
	const connectedAt = now();
	const sent = { pushes: 0, resources: 0, bytes: 0 };
	let node: Node | undefined;
	let timer: NodeJS.Timeout | undefined;
	let ended = false;
	/** Responses that the connection has not taken yet. */
	let writing = 0;

	function flush(): void {
		const snapshot = deps.snapshot();
		// A client that does not read gets the latest once it does: what is not written is derived anew then.
		if (ended || snapshot === undefined || writing > 0) return;
		const time = now();
		clearTimeout(timer);
		const waitMs = protocol.recall(snapshot, time - connectedAt);
		if (waitMs > 0) {
			timer = setTimeout(flush, waitMs);
			return;
		}
		const { pushes, wakeAt } = sequencer.next(snapshot, time);
		for (const push of pushes) write(push, snapshot);
		if (wakeAt !== undefined) timer = setTimeout(flush, Math.max(1, wakeAt - time));
	}

	function write(push: Push, snapshot: Snapshot): void {
		const { type, upsert, remove } = push;
		sent.pushes += 1;
		sent.resources += upsert.length;
		for (const { bytes } of upsert) sent.bytes += bytes.length;
		const changes = { type, serial: snapshot.serial, upsert: upsert.length, remove: remove.length };
		log.debug({ event: "xds_push", ...changes }, "resources sent");
		writing += 1;
		call.write(protocol.response(push, snapshot), () => {
			writing -= 1;
			if (writing === 0) flush();
		});
	}

	function reject(details: string): void {
		close();
		call.emit("error", { code: grpcStatus.INVALID_ARGUMENT, details });
	}

	function receive(request: Request): void {
		if (ended) return;
		if (node === undefined) {
			if (!request.node?.id) {
				reject("the first request of a stream must carry node.id");
				return;
			}
			node = request.node;
		}
		if (request.type_url === "") {
			reject("a request on an aggregated stream must carry type_url");
			return;
		}
		const type = typeOf.get(request.type_url);
		if (type === undefined) {
			log.warn({ event: "xds_unknown_type", node: node.id, type: request.type_url }, "no such resources here");
			return;
		}
		if (!protocol.subscribe(type, request)) return;
		const state = sequencer.types[type];
		const { response_nonce: nonce, error_detail: error } = request;
		if (error === null) state.ack(nonce, now());
		else if (state.nack(nonce, error.message, now())) {
			const refused = [...state.refused.keys()];
			log.error({ event: "xds_nack", node: node.id, type, refused, message: error.message }, "Envoy refused resources");
		}
		flush();
		deps.changed();
	}

	function close(): void {
		ended = true;
		clearTimeout(timer);
	}

	call.on("data", receive);
	return {
		variant: deps.variant,
		sequencer,
		connectedAt,
		get node() {
			return node;
		},
		sent,
		flush,
		close,
	};
}
