import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { MethodDefinition } from "@grpc/grpc-js";
import { adsService, type DeltaResponse, type SotwResponse } from "../../../control-plane/ads/protocol.ts";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import { typeUrl } from "../../../control-plane/xds/names.ts";
import { protoRoot } from "../../../control-plane/xds/protos.ts";
import { eventually } from "../../support/gateway.ts";
import type { XdsRow } from "./xds.ts";

const typeOf = new Map<string, string>(Object.entries(typeUrl).map(([type, url]) => [url, type]));
const methods = { delta: "DeltaAggregatedResources", sotw: "StreamAggregatedResources" } as const;

/** What came of a row. */
export interface Exchange {
	readonly responses: readonly (readonly string[])[];
	readonly end?: { readonly code: number; readonly details: string };
}

/** Plays a row's steps over bare HTTP/2, for no gRPC client would send them all. */
export async function exchange(socketPath: string, variant: Variant, row: XdsRow): Promise<Exchange> {
	const method = adsService()[methods[variant]] as MethodDefinition<object, DeltaResponse | SotwResponse>;
	const session = connectHttp2("http://localhost", { createConnection: () => connect(socketPath) });
	const stream = session.request({
		":method": "POST",
		":path": method.path,
		"content-type": "application/grpc",
		te: "trailers",
	});
	const responses: string[][] = [];
	let nonce = "";
	let end: Exchange["end"];
	let rest = Buffer.alloc(0);
	const takeStatus = (headers: Record<string, unknown>) => {
		if (headers["grpc-status"] === undefined) return;
		end = {
			code: Number(headers["grpc-status"]),
			details: decodeURIComponent(String(headers["grpc-message"] ?? "")),
		};
	};
	stream.on("response", takeStatus).on("trailers", takeStatus);
	stream.on("error", () => {}); // its end tells
	stream.on("data", (chunk: Buffer) => {
		rest = Buffer.concat([rest, chunk]);
		while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
			const to = 5 + rest.readUInt32BE(1);
			const response = method.responseDeserialize(rest.subarray(5, to));
			rest = rest.subarray(to);
			nonce = response.nonce;
			responses.push([typeOf.get(response.type_url) ?? response.type_url, ...names(response)]);
		}
	});
	try {
		for (const step of row.steps) {
			if (typeof step === "number") {
				await eventually(`${step} responses`, () => responses.length >= step || end !== undefined);
			} else if (Buffer.isBuffer(step)) stream.write(step);
			else {
				const request =
					"response_nonce" in step && step.response_nonce === "NONCE" ? { ...step, response_nonce: nonce } : step;
				const bytes = method.requestSerialize(request);
				const head = Buffer.alloc(5);
				head.writeUInt32BE(bytes.length, 1);
				stream.write(Buffer.concat([head, bytes]));
			}
		}
		await eventually(`the answer to "${row.name}", after ${JSON.stringify(responses).slice(0, 500)}`, () =>
			row.end === undefined ? responses.length >= row.responses.length || end !== undefined : end !== undefined,
		);
		return { responses, ...(end === undefined ? {} : { end }) };
	} finally {
		session.destroy();
	}
}

function names(response: DeltaResponse | SotwResponse): string[] {
	if ("version_info" in response) {
		return response.resources
			.map(({ type_url, value }) => {
				const message = protoRoot()
					.lookupType(type_url.slice(type_url.lastIndexOf("/") + 1))
					.decode(value);
				return `+${Reflect.get(message, "name") || Reflect.get(message, "cluster_name")}`;
			})
			.sort();
	}
	const { resources, removed_resources } = response;
	return [...resources.map(({ name }) => `+${name}`), ...removed_resources.map((name) => `-${name}`)].sort();
}
