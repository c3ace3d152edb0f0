import protobuf from "protobufjs";

/** What the tests look at of a span that came by OTLP. */
export interface Span {
	/** Hex, as in `traceparent`. */
	readonly traceId: string;
	readonly spanId: string;
	/** Empty where there is none. */
	readonly parentSpanId: string;
	readonly traceState: string;
	readonly name: string;
	readonly service: string;
	readonly attributes: Readonly<Record<string, string>>;
}

/** The part of https://github.com/open-telemetry/opentelemetry-proto that is read here. */
const { root } = protobuf.parse(`
	syntax = "proto3";
	message Request { repeated ResourceSpans resource_spans = 1; }
	message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
	message Resource { repeated KeyValue attributes = 1; }
	message ScopeSpans { repeated Span spans = 2; }
	message Span {
		bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
		repeated KeyValue attributes = 9;
	}
	message KeyValue { string key = 1; AnyValue value = 2; }
	message AnyValue { string string_value = 1; }
`);

interface KeyValue {
	readonly key: string;
	readonly value?: { readonly stringValue?: string };
}

interface Decoded {
	readonly resourceSpans: readonly {
		readonly resource?: { readonly attributes: readonly KeyValue[] };
		readonly scopeSpans: readonly {
			readonly spans: readonly (Record<"traceId" | "spanId" | "parentSpanId", Uint8Array> & {
				readonly traceState: string;
				readonly name: string;
				readonly attributes: readonly KeyValue[];
			})[];
		}[];
	}[];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const record = (pairs: readonly KeyValue[]) =>
	Object.fromEntries(pairs.map(({ key, value }) => [key, value?.stringValue ?? ""]));

/** The spans in the body of an export request. */
export function decodeSpans(body: Uint8Array): Span[] {
	const request = root.lookupType("Request").decode(body) as unknown as Decoded;
	return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
		scopeSpans.flatMap(({ spans }) =>
			spans.map(({ traceId, spanId, parentSpanId, traceState, name, attributes }) => ({
				traceId: hex(traceId),
				spanId: hex(spanId),
				parentSpanId: hex(parentSpanId),
				traceState,
				name,
				service: record(resource?.attributes ?? [])["service.name"] ?? "",
				attributes: record(attributes),
			})),
		),
	);
}
