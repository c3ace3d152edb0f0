import { status } from "@grpc/grpc-js";
import type { DeltaRequest, SotwRequest } from "../../../control-plane/ads/protocol.ts";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import { typeUrl } from "../../../control-plane/xds/names.ts";

type Request = Partial<DeltaRequest & SotwRequest>;

/** Sent one after the other; a number waits for so many responses in all first. */
type Step = Request | Buffer | number;

export interface XdsRow {
	readonly name: string;
	readonly variants: readonly Variant[];
	readonly steps: readonly Step[];
	/** Each response: its type, and what it sets (`+`) and removes (`-`). */
	readonly responses: readonly (readonly string[])[];
	/** How the stream ends; left out, it stays open. */
	readonly end?: { readonly code: number; readonly details: string };
}

const node = { id: "intruder", cluster: "x" };
const both = ["delta", "sotw"] as const;
const delta = ["delta"] as const;
const NO_NODE = { code: status.INVALID_ARGUMENT, details: "the first request of a stream must carry node.id" };
const NO_TYPE = { code: status.INVALID_ARGUMENT, details: "a request on an aggregated stream must carry type_url" };

/** A question with a known answer: what is asked after bad input tells whether the stream goes on. */
const listener: Request = { type_url: typeUrl.listener };
const itsAnswer = ["listener", "+mcp-gateway"];
const junk = (length: number) => Array.from({ length }, (_, n) => `nosuch/${n}`);

/** A gRPC message of these bytes; `length` and `compressed` as its head claims them. */
function frame(bytes: Buffer, length = bytes.length, compressed = 0): Buffer {
	const head = Buffer.alloc(5);
	head[0] = compressed;
	head.writeUInt32BE(length, 1);
	return Buffer.concat([head, bytes]);
}

export const streams: readonly XdsRow[] = [
	{ name: "no node", variants: both, steps: [listener], responses: [], end: NO_NODE },
	{
		name: "a node without an id",
		variants: both,
		steps: [{ ...listener, node: { id: "", cluster: "x" } }],
		responses: [],
		end: NO_NODE,
	},
	{ name: "no type", variants: both, steps: [{ node }], responses: [], end: NO_TYPE },
	{
		name: "no type, later on",
		variants: both,
		steps: [{ ...listener, node }, 1, {}],
		responses: [itsAnswer],
		end: NO_TYPE,
	},
	{ name: "an empty message", variants: both, steps: [frame(Buffer.alloc(0))], responses: [], end: NO_NODE },
	{
		name: "types that are not here",
		variants: both,
		steps: [
			{ node, type_url: "type.googleapis.com/no.such.Type" },
			{ type_url: "__proto__" },
			{ type_url: "constructor" },
			{ type_url: typeUrl.listener.toUpperCase() },
			{ type_url: "x".repeat(1_000_000) },
			listener,
		],
		responses: [itsAnswer],
	},
	{
		name: "nonces that no one gave out",
		variants: delta,
		steps: [
			{ ...listener, node, response_nonce: "nosuch" },
			{ ...listener, response_nonce: "x".repeat(100_000) },
		],
		responses: [itsAnswer],
	},
	{
		name: "a refusal with a nonce that no one gave out",
		variants: delta,
		steps: [
			{ ...listener, node, response_nonce: "nosuch", error_detail: { code: 3, message: "no" } },
			{ type_url: typeUrl.endpoints, resource_names_subscribe: ["nosuch"] },
		],
		responses: [itsAnswer, ["endpoints", "-nosuch"]],
	},
	{
		name: "an unknown code and no message in a refusal",
		variants: both,
		steps: [
			{ ...listener, node },
			1,
			{ ...listener, response_nonce: "NONCE", error_detail: { code: -99, message: "" } },
			{ type_url: typeUrl.cluster },
		],
		responses: [itsAnswer, ["cluster", "+mcp/pair", "+mcp/s", "+mcp/stdio"]],
	},
	{
		name: "a name of 1 MB",
		variants: delta,
		steps: [{ node, type_url: typeUrl.endpoints, resource_names_subscribe: ["x".repeat(1_000_000)] }],
		responses: [["endpoints", `-${"x".repeat(1_000_000)}`]],
	},
	{
		name: "10,000 names that are not there",
		variants: delta,
		steps: [{ node, type_url: typeUrl.secret, resource_names_subscribe: junk(10_000) }],
		responses: [["secret", ...junk(10_000).map((name) => `-${name}`)]],
	},
	{
		name: "10,000 names that are not there, of the world",
		variants: ["sotw"],
		steps: [{ node, type_url: typeUrl.secret, resource_names: junk(10_000) }, listener],
		responses: [itsAnswer],
	},
	{
		name: "names taken back that no one asked for",
		variants: delta,
		steps: [
			{ ...listener, node, resource_names_unsubscribe: ["nosuch", "*", ""] },
			{ type_url: typeUrl.endpoints, resource_names_unsubscribe: junk(1000) },
			{ type_url: typeUrl.endpoints, resource_names_subscribe: ["nosuch"] },
		],
		responses: [["endpoints", "-nosuch"]],
	},
	{
		name: "names of JavaScript",
		variants: delta,
		steps: [{ node, type_url: typeUrl.endpoints, resource_names_subscribe: ["__proto__", "constructor"] }],
		responses: [["endpoints", "-__proto__", "-constructor"]],
	},
	{
		name: "versions from nowhere",
		variants: delta,
		steps: [{ ...listener, node, initial_resource_versions: { "mcp-gateway": "x", nosuch: "y", constructor: "z" } }],
		responses: [["listener", "+mcp-gateway", "-constructor", "-nosuch"]],
	},
	{
		name: "bytes that are no protobuf",
		variants: both,
		steps: [frame(Buffer.alloc(64, 0xff))],
		responses: [],
		end: { code: status.INTERNAL, details: "Error deserializing request" },
	},
	{
		name: "protobuf that ends too early",
		variants: delta,
		steps: [frame(Buffer.from([0x0a, 0x7f, 0x01]))],
		responses: [],
		end: { code: status.INTERNAL, details: "Error deserializing request" },
	},
	{
		name: "a message said to be compressed",
		variants: both,
		steps: [frame(Buffer.from([1, 2, 3]), 3, 1)],
		responses: [],
		end: { code: status.INTERNAL, details: "Error deserializing request" },
	},
];
