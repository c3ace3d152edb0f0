import type { Variant } from "../../../control-plane/ads/traits.ts";

/** A test by its file, from the repository's root, and its title. */
export interface TestName {
	readonly file: string;
	readonly title: string;
}

/** One behaviour of an xDS server: where it is written, and what shows that ours has it. */
export interface Behaviour {
	readonly number: number;
	readonly says: string;
	/** Of the protocol or of a reference implementation; `docs/adr/...` where Envoy itself was measured. */
	readonly source: string;
	readonly tests: Readonly<Partial<Record<Variant, readonly TestName[]>>>;
}

const protocol = (anchor: string) => `https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#${anchor}`;
const goControlPlane = (path: string) => `https://github.com/envoyproxy/go-control-plane/blob/main/${path}`;

const of = (file: string) => (title: string) => ({ file, title });
const variants = of("test/feature/ads/variants.test.ts");
const delta = of("test/feature/ads/delta.test.ts");
const sotw = of("test/feature/ads/sotw.test.ts");
const sequencer = of("test/unit/ads/sequencer.test.ts");
const order = of("test/unit/ads/order.test.ts");
const refusals = of("test/unit/ads/refusals.test.ts");
const builder = of("test/unit/snapshot/builder.test.ts");
const envoy = of("test/e2e/xds/variants.test.ts");
const kill = of("test/e2e/xds/kill.test.ts");

/** Tests that run in both variants. */
const both = (...tests: readonly TestName[]) => ({ delta: tests, sotw: tests });

/** What an xDS server must show, each with its test and its source. `behaviours.test.ts` holds this list to the tests. */
export const behaviours: readonly Behaviour[] = [
	{
		number: 1,
		says: "Only the first request of a stream carries the node; one without node.id is INVALID_ARGUMENT.",
		source: protocol("basic-protocol-overview"),
		tests: both(
			variants("takes the node from the first request alone"),
			variants("refuses a first request without node.id"),
		),
	},
	{
		number: 2,
		says: "A request on an aggregated stream without type_url is refused.",
		source: goControlPlane("pkg/server/sotw/v3/server.go"),
		tests: both(variants("refuses a request without type_url")),
	},
	{
		number: 3,
		says: "A request for a type that the server does not have neither ends nor blocks the stream.",
		source: "docs/adr/0012-xds-variants.md",
		tests: both(variants("goes on after a request for a type that it does not know")),
	},
	{
		number: 4,
		says: "An ACK is answered with nothing.",
		source: protocol("when-to-send-an-update"),
		tests: both(variants("sends nothing again because of an ACK")),
	},
	{
		number: 5,
		says: "A NACK is known by its error_detail, whatever its version; what was refused is not sent again as it was.",
		source: protocol("nack"),
		tests: both(
			variants("knows a NACK by its error, not by its version"),
			variants("does not send a refused version again, tells Envoy's words, and sends the next version"),
			refusals("is tried again only after another snapshot and its wait, alone, and is forgiven when taken"),
			envoy("a refused change leaves the version before in force"),
		),
	},
	{
		number: 6,
		says: "A stale nonce makes a request of state-of-the-world void; in delta its subscriptions count still.",
		source: protocol("resource-updates"),
		tests: {
			sotw: [sotw("ignores a request with a stale nonce, its names included")],
			delta: [delta("counts a subscription whatever nonce the request carries"), sequencer("ignores a stale nonce")],
		},
	},
	{
		number: 7,
		says: "Each type has versions and nonces of its own.",
		source: protocol("ack-nack-and-resource-type-instance-version"),
		tests: both(variants("keeps version and nonce of each type apart")),
	},
	{
		number: 8,
		says: "A first request without names asks for everything, as `*` does; named ones end that, and none then means none.",
		source: protocol("how-the-client-specifies-what-resources-to-return"),
		tests: both(variants("takes an empty first request for a wildcard, then *, then names, then nothing")),
	},
	{
		number: 9,
		says: "A resource that is named anew is sent though its version has not changed.",
		source: protocol("how-the-client-specifies-what-resources-to-return"),
		tests: both(variants("sends a newly named resource though its version has not changed")),
	},
	{
		number: 10,
		says: "Of a missing resource state-of-the-world says nothing until it exists; delta tells it as removed.",
		source: protocol("knowing-when-a-requested-resource-does-not-exist"),
		tests: {
			sotw: [
				sotw("says nothing of a missing resource until it exists"),
				variants("sends what is missing once it exists"),
			],
			delta: [delta("tells of a missing resource once, as removed"), variants("sends what is missing once it exists")],
		},
	},
	{
		number: 11,
		says: "In state-of-the-world every response of clusters, listeners and (measured) scopes carries all of them.",
		source: protocol("grouping-resources-into-responses"),
		tests: {
			sotw: [
				sotw("carries all clusters, listeners and scopes in every response of theirs"),
				envoy("serves what is added and changed, and no longer what is removed"),
			],
		},
	},
	{
		number: 12,
		says: "An empty response deletes all clusters or listeners, and no endpoints.",
		source: protocol("deleting-resources"),
		tests: {
			sotw: [
				sotw("deletes all clusters with an empty response, and never empties endpoints"),
				sotw("does not tell an Envoy that has refused everything that there is nothing"),
			],
			delta: [variants("answers a wildcard with nothing where there is nothing, and empties what was there")],
		},
	},
	{
		number: 13,
		says: "Delta sends what changed only, a removal once, and what comes back.",
		source: protocol("incremental-xds"),
		tests: { delta: [delta("sends only what changed, a removal once, and what comes back")] },
	},
	{
		number: 14,
		says: "Delta sends again what is asked for again, ignores that a name is given up which was never asked for, and answers for a name that is given up while a wildcard goes on.",
		source: protocol("incremental-xds"),
		tests: {
			delta: [
				delta("sends a resource again that is asked for again"),
				delta("ignores that a name is given up which was never asked for"),
				delta("answers for a name that is given up while a wildcard goes on"),
			],
		},
	},
	{
		number: 15,
		says: "On a reconnect what Envoy brings (version_info, initial_resource_versions) is not sent again.",
		source: protocol("ack-nack-and-resource-type-instance-version"),
		tests: {
			delta: [
				variants("sends nothing on a reconnect to an Envoy that has everything"),
				delta("sends the difference on a reconnect, scopes before the clusters they give up"),
				envoy("goes on without its control plane, and is sent nothing that it has when one is back"),
				kill("kill -9 of the control plane under traffic: Envoy serves on, and is sent nothing that it has"),
			],
			sotw: [
				variants("sends nothing on a reconnect to an Envoy that has everything"),
				sotw("sends everything to an Envoy that brings another version"),
				envoy("goes on without its control plane, and is sent nothing that it has when one is back"),
			],
		},
	},
	{
		number: 16,
		says: "Clusters, endpoints, then routes, and removals the other way round, whatever changes meanwhile.",
		source: protocol("eventual-consistency-considerations"),
		tests: both(
			variants("sends clusters, endpoints, then scopes; and a removal the other way round"),
			order("never routes to a cluster that Envoy has not taken up, whatever changes and is refused meanwhile"),
		),
	},
	{
		number: 17,
		says: "Endpoints follow every change of their cluster, without which Envoy withholds the ACK for 15 s.",
		source: "docs/adr/0002-warm-before-route.md",
		tests: both(variants("sends endpoints after every change of their cluster, though theirs did not change")),
	},
	{
		number: 18,
		says: "A scope waits for its cluster's ACK, for a second at most, and not for one that was refused.",
		source: "docs/adr/0002-warm-before-route.md",
		tests: both(
			variants("holds a scope back until its cluster's ACK, or for a second"),
			variants("lets a scope through whose cluster was refused, and its neighbours"),
			envoy("a scope that Envoy refuses without naming it is found, and its neighbours are served"),
		),
	},
	{
		number: 19,
		says: "Snapshots with two resources of one name, or with one that needs another that is not there, are refused.",
		source: goControlPlane("pkg/cache/v3/snapshot.go"),
		tests: both(builder("refuses two resources of one name"), builder("refuses %s")),
	},
	{
		number: 20,
		says: "A client that does not read gets the latest only, and a stream that ends leaves nothing behind.",
		source: "docs/adr/0012-xds-variants.md",
		tests: both(
			variants("gives a client that does not read the latest only, and queues nothing meanwhile"),
			variants("releases what a stream holds when it ends"),
		),
	},
];
