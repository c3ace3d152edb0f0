import { describe, expect, it } from "vitest";
import { EncodeError, encode, encodeAny } from "../../../control-plane/xds/encode.ts";
import { any, type Message, typedStruct } from "../../../control-plane/xds/message.ts";
import { protoRoot } from "../../../control-plane/xds/protos.ts";

const cluster = "envoy.config.cluster.v3.Cluster";

function decode(typeName: string, bytes: Uint8Array): unknown {
	const type = protoRoot().lookupType(typeName);
	return type.toObject(type.decode(bytes), { enums: String, longs: Number, bytes: String });
}

describe("encode", () => {
	it("keeps every kind of field", () => {
		const bytes = encode(cluster, {
			name: "a",
			type: "EDS",
			connect_timeout: "0.25s",
			per_connection_buffer_limit_bytes: 5,
			metadata: { filter_metadata: { x: { n: 1.5, s: "t", b: true, l: [null, 1], o: { k: "v" } } } },
			health_checks: [
				{ timeout: "1s", interval: "2s", unhealthy_threshold: 1, healthy_threshold: 2, tcp_health_check: {} },
			],
		});
		expect(decode(cluster, bytes)).toMatchObject({
			name: "a",
			type: "EDS",
			connect_timeout: { nanos: 250_000_000 },
			per_connection_buffer_limit_bytes: { value: 5 },
			metadata: { filter_metadata: { x: { fields: { n: { numberValue: 1.5 }, b: { boolValue: true } } } } },
			health_checks: [{ interval: { seconds: 2 }, healthy_threshold: { value: 2 } }],
		});
	});

	it("packs an Any and a TypedStruct", () => {
		const packed = encodeAny(typedStruct("made.up.Type", { a: { b: [1, "x"] } }));
		expect(packed.type_url).toBe("type.googleapis.com/xds.type.v3.TypedStruct");
		expect(decode("xds.type.v3.TypedStruct", packed.value)).toMatchObject({
			type_url: "type.googleapis.com/made.up.Type",
		});
	});

	it("leaves out what is undefined", () => {
		expect(encode(cluster, { name: "a", type: undefined })).toEqual(encode(cluster, { name: "a" }));
	});

	const faults: [string, Message, string][] = [
		["a misspelt field", { nme: "a" }, "Cluster.nme: .envoy.config.cluster.v3.Cluster has no such field"],
		["an inherited name", { constructor: "a" }, "Cluster.constructor:"],
		["an unknown enum value", { type: "EDX" }, 'Cluster.type: "EDX" is no value of'],
		["a number for an enum", { type: 3 }, "Cluster.type: 3 is no value of"],
		["a bare number for a duration", { connect_timeout: 5 }, "Cluster.connect_timeout: 5 is no duration"],
		["a negative duration", { connect_timeout: "-1s" }, 'Cluster.connect_timeout: "-1s" is no duration'],
		[
			"a string for a number",
			{ per_connection_buffer_limit_bytes: "5" },
			'per_connection_buffer_limit_bytes: "5" is no uint32',
		],
		["a fraction for an integer", { per_connection_buffer_limit_bytes: 1.5 }, "1.5 is no uint32"],
		["a negative number for an unsigned one", { per_connection_buffer_limit_bytes: -1 }, "-1 is no uint32"],
		["one for many", { health_checks: {} }, "Cluster.health_checks: needs a list"],
		["many for one", { load_assignment: [] }, "Cluster.load_assignment: needs an object"],
		["both of a oneof", { type: "EDS", cluster_type: { name: "x" } }, "Cluster.cluster_type: excludes type"],
		[
			"an Any without @type",
			{ transport_socket: { name: "x", typed_config: {} } },
			"typed_config: an Any needs a string @type",
		],
		[
			"an Any of an unknown type",
			{ transport_socket: { name: "x", typed_config: any("no.such.Type") } },
			"typed_config: unknown message type no.such.Type",
		],
		[
			"a fault deep inside",
			{ load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { adress: {} } }] }] } },
			"Cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.adress:",
		],
	];
	it.each(faults)("refuses %s", (_name, message, words) => {
		expect(() => encode(cluster, message)).toThrow(EncodeError);
		expect(() => encode(cluster, message)).toThrow(words);
	});
});
