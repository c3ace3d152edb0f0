/**
 * A protobuf message in its JSON form (https://protobuf.dev/programming-guides/json/), with the field names of the
 * .proto files: the same text that Envoy's own YAML uses, so what is written here can be read, kept as a golden file
 * and given to `envoy --mode validate` as it is.
 *
 * An Any is an object with `@type`; durations are `"1.5s"`, wrappers are their bare value.
 */
export type Json = string | number | boolean | null | readonly Json[] | Message;
export interface Message {
	readonly [field: string]: Json | undefined;
}

/** A message packed as Any. */
export function any(type: string, fields: Message = {}): Message {
	return { "@type": `type.googleapis.com/${type}`, ...fields };
}

/**
 * A message of a type that the .proto files of grpc-js-xds lack (or know an older form of), as TypedStruct. Envoy
 * turns it into the real message and refuses what that does not know.
 */
export function typedStruct(type: string, fields: Message = {}): Message {
	return any("xds.type.v3.TypedStruct", { type_url: `type.googleapis.com/${type}`, value: fields });
}

/** An extension: its well-known name with its configuration. */
export function extension(name: string, typedConfig: Message): Message {
	return { name, typed_config: typedConfig };
}

/** A duration of so many milliseconds, as protobuf's JSON writes it. */
export function duration(milliseconds: number): string {
	return `${milliseconds / 1000}s`;
}
