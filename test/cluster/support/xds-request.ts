/** A first xDS request in bytes, for who asks without a library. */

const TAG_NODE = 0x0a;
const TAG_TYPE_URL = 0x12;

/** https://protobuf.dev/programming-guides/encoding/ ; below 128 bytes a length is one byte. */
function field(tag: number, value: Uint8Array | string): Buffer {
	const bytes = Buffer.from(value);
	if (bytes.length > 127) throw new Error("too long for a length of one byte");
	return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
}

/** DeltaDiscoveryRequest for all clusters, as a gRPC message. */
export function clustersRequest(): Buffer {
	const node = Buffer.concat([field(0x0a, "intruder"), field(0x12, "mcp-gateway")]);
	const message = Buffer.concat([
		field(TAG_NODE, node),
		field(TAG_TYPE_URL, "type.googleapis.com/envoy.config.cluster.v3.Cluster"),
	]);
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}
