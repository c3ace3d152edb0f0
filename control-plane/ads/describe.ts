import { resourceTypes, type Snapshot } from "../snapshot/snapshot.ts";
import type { ResourceType } from "../xds/names.ts";
import type { Node } from "./protocol.ts";
import type { AdsStream } from "./stream.ts";
import type { Variant } from "./traits.ts";

/** One Envoy as status, metrics and the admin API tell of it. Times are ms since the epoch, durations ms. */
export interface StreamDescription {
	readonly id: string;
	readonly cluster: string;
	readonly variant: Variant;
	readonly connectedAt: number;
	/** Envoy's version, where it told. */
	readonly version: string | undefined;
	readonly inSync: boolean;
	readonly pushes: number;
	/** Resources sent, and their bytes. */
	readonly resources: number;
	readonly bytes: number;
	/** Only the types that this Envoy asked for. */
	readonly perType: Readonly<Partial<Record<ResourceType, TypeDescription>>>;
	readonly refused: readonly RefusedResource[];
}

export interface TypeDescription {
	/** Resources that Envoy wants of those that there are. */
	readonly subscribed: number;
	readonly acked: number;
	/** Resources that are to be sent or not acknowledged yet; refused ones do not count. */
	readonly pending: number;
	readonly ackCount: number;
	readonly nackCount: number;
	readonly lastAckAt: number | undefined;
	readonly lastNackAt: number | undefined;
	readonly lastPushAt: number | undefined;
	/** From the last acknowledged response to its ACK. */
	readonly lastRoundTripMs: number | undefined;
	/** For how long Envoy has lacked something of this type; 0: it has all. */
	readonly lagMs: number;
}

export interface RefusedResource {
	readonly type: ResourceType;
	readonly name: string;
	/** Envoy's own words. */
	readonly message: string;
	/** When this content was refused first. */
	readonly since: number;
	/** How often it was sent and refused. */
	readonly attempts: number;
}

/** Tells what an Envoy has, lacks and refuses. @param snapshot What it should have; undefined before the first. */
export function describeStream(stream: AdsStream, snapshot: Snapshot | undefined, now: number): StreamDescription {
	const { node, sequencer, variant, connectedAt, sent } = stream;
	const active = resourceTypes.filter((type) => sequencer.types[type].subscription.active);
	return {
		id: node?.id ?? "",
		cluster: node?.cluster ?? "",
		variant,
		connectedAt,
		version: versionOf(node),
		inSync: snapshot !== undefined && sequencer.isServing() && sequencer.isInSync(snapshot),
		...sent,
		perType: Object.fromEntries(active.map((type) => [type, describeType(stream, type, snapshot, now)])),
		refused: resourceTypes.flatMap((type) =>
			[...sequencer.types[type].refused].map(([name, { message, since, attempts }]) => ({
				type,
				name,
				message,
				since,
				attempts,
			})),
		),
	};
}

function describeType({ sequencer }: AdsStream, type: ResourceType, snapshot: Snapshot | undefined, now: number) {
	const state = sequencer.types[type];
	const { acks, nacks, behindSince, ...moments } = state.counts;
	const desired = snapshot?.resources[type] ?? new Map();
	const { upsert, remove } = snapshot === undefined ? nothing : sequencer.difference(type, snapshot);
	const underWay = [...state.outstanding.values()].flatMap(({ changes }) => [...changes.keys()]);
	return {
		subscribed: state.wanted(desired).length,
		acked: state.acked.size,
		pending: new Set([...upsert.map(({ name }) => name), ...remove, ...underWay]).size,
		ackCount: acks,
		nackCount: nacks,
		...moments,
		lagMs: behindSince === undefined ? 0 : now - behindSince,
	};
}

const nothing = { upsert: [], remove: [] };

function versionOf(node: Node | undefined): string | undefined {
	const version = node?.user_agent_build_version?.version;
	return version ? `${version.major_number}.${version.minor_number}.${version.patch}` : undefined;
}
