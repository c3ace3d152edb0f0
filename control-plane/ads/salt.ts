import type { EncodedResource } from "../snapshot/snapshot.ts";
import { encode } from "../xds/encode.ts";

/**
 * A scope's bytes with another name of its inline route configuration, which means nothing to requests. Envoy keeps
 * what precedes the faulty scope of a refused response in its table, by hash, without giving it to its workers; sent
 * again as it was it is acknowledged and not served. Measured, see docs/adr/0012-xds-variants.md.
 * @param salt How often the scope was part of a refused response; 0 leaves the bytes alone.
 */
export function saltedBytes({ name, bytes }: EncodedResource, salt: number): Buffer {
	if (salt === 0) return bytes;
	// A field that comes twice is merged, and of a string the last one counts.
	const other = { route_configuration: { name: `${name}#${salt}` } };
	return Buffer.concat([bytes, encode("envoy.config.route.v3.ScopedRouteConfiguration", other)]);
}
