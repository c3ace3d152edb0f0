import type { Readable } from "node:stream";
import { Client, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import type protobuf from "protobufjs";
import {
	adsService,
	type DeltaRequest,
	type DeltaResponse,
	type SotwRequest,
	type SotwResponse,
} from "../../../control-plane/ads/protocol.ts";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import { type ResourceType, typeUrl } from "../../../control-plane/xds/names.ts";
import { protoRoot } from "../../../control-plane/xds/protos.ts";
import { openRawStream } from "./raw-stream.ts";

/** A response in the form that both variants share. */
export interface Answer {
	readonly type: ResourceType;
	readonly nonce: string;
	/** Of the whole type; delta has versions of resources only. */
	readonly version: string;
	/** `+name` for what the response holds, `-name` for what it removes; sorted. */
	readonly names: readonly string[];
	readonly bytes: readonly Buffer[];
}

export interface Ask {
	readonly node?: DeltaRequest["node"];
	readonly add?: readonly string[];
	readonly drop?: readonly string[];
	/** Delta: `initial_resource_versions`. */
	readonly have?: Readonly<Record<string, string>>;
	/** State-of-the-world: `version_info`. */
	readonly version?: string;
	/** Another nonce than that of the last response. */
	readonly nonce?: string;
}

type Request = Partial<DeltaRequest & SotwRequest>;
type Method = MethodDefinition<Request, DeltaResponse | SotwResponse>;

const methods = { delta: "DeltaAggregatedResources", sotw: "StreamAggregatedResources" } as const;
const typeOf = new Map(Object.entries(typeUrl).map(([type, url]) => [url as string, type as ResourceType]));

/** An ADS client over real gRPC, of either variant, that acknowledges only what it is told to. */
export class XdsClient {
	readonly received: Answer[] = [];
	error: ServiceError | undefined;
	private readonly variant: Variant;
	private readonly stream: Readable & { send(request: Request): unknown; cancel(): void };
	private readonly names = new Map<ResourceType, Set<string>>();
	private readonly last = new Map<ResourceType, { nonce: string; version: string }>();
	private taken = 0;

	/** @param raw Over bare HTTP/2, so that {@link pause} really stops it. */
	constructor(address: string, variant: Variant, { raw = false } = {}) {
		this.variant = variant;
		const method: Method | undefined = adsService()[methods[variant]];
		if (method === undefined) throw new Error(`the service has no ${methods[variant]}`);
		this.stream = raw ? openRawStream(address, method) : openStream(address, method);
		this.stream.on("data", (response: DeltaResponse | SotwResponse) => this.received.push(read(response)));
		this.stream.on("error", (error: ServiceError) => {
			this.error = error;
		});
	}

	/** Sends a request as it stands. */
	send(request: Request): this {
		this.stream.send(request);
		return this;
	}

	/** Asks for resources of a type; `add` and `drop` change the names, as each variant says it. */
	ask(type: ResourceType, { node, add = [], drop = [], have, version, nonce }: Ask = {}): this {
		const names = this.names.get(type) ?? new Set();
		this.names.set(type, names);
		for (const name of add) names.add(name);
		for (const name of drop) names.delete(name);
		const base = { type_url: typeUrl[type], ...(node === undefined ? {} : { node }) };
		if (this.variant === "delta") {
			return this.send({
				...base,
				resource_names_subscribe: [...add],
				resource_names_unsubscribe: [...drop],
				initial_resource_versions: have ?? {},
				response_nonce: nonce ?? "",
			});
		}
		const last = this.last.get(type);
		return this.send({
			...base,
			resource_names: [...names],
			version_info: version ?? last?.version ?? "",
			response_nonce: nonce ?? last?.nonce ?? "",
		});
	}

	ack({ type, nonce, version }: Answer): this {
		this.last.set(type, { nonce, version });
		return this.ask(type, { nonce });
	}

	nack({ type, nonce }: Answer, message: string): this {
		const { version } = this.last.get(type) ?? { version: "" };
		this.last.set(type, { nonce, version });
		const names = this.variant === "delta" ? {} : { resource_names: [...(this.names.get(type) ?? [])] };
		return this.send({
			type_url: typeUrl[type],
			response_nonce: nonce,
			version_info: version,
			error_detail: { code: 3, message },
			...names,
		});
	}

	/** The next response that no one has taken yet. */
	async next(): Promise<Answer> {
		await until(() => this.received.length > this.taken || this.error !== undefined, "a response");
		const response = this.received[this.taken];
		if (response === undefined) throw this.error ?? new Error("no response");
		this.taken += 1;
		this.last.set(response.type, {
			nonce: response.nonce,
			version: this.last.get(response.type)?.version ?? "",
		});
		return response;
	}

	/** Reads nothing more, as an Envoy that hangs. */
	pause(): void {
		this.stream.pause();
	}

	resume(): void {
		this.stream.resume();
	}

	close(): void {
		this.stream.cancel();
	}
}

function openStream(address: string, { path, requestSerialize, responseDeserialize }: Method) {
	const client = new Client(address, credentials.createInsecure());
	const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
	const cancel = stream.cancel.bind(stream);
	return Object.assign(stream, {
		send: (request: Request) => stream.write(request),
		cancel: () => {
			cancel();
			client.close();
		},
	});
}

function read(response: DeltaResponse | SotwResponse): Answer {
	const type = typeOf.get(response.type_url);
	if (type === undefined) throw new Error(`an answer of type ${response.type_url}`);
	const { nonce } = response;
	if (!("version_info" in response)) {
		const { resources, removed_resources } = response;
		const names = [...resources.map(({ name }) => `+${name}`), ...removed_resources.map((name) => `-${name}`)];
		return { type, nonce, version: "", names: names.sort(), bytes: resources.map(({ resource }) => resource.value) };
	}
	const bytes = response.resources.map(({ value }) => value);
	const names = bytes.map((value) => `+${nameIn(type, value)}`);
	return { type, nonce, version: response.version_info, names: names.sort(), bytes };
}

function nameIn(type: ResourceType, bytes: Buffer): string {
	const url = typeUrl[type];
	const message = protoRoot().lookupType(url.slice(url.lastIndexOf("/") + 1));
	const decoded = message.decode(bytes) as protobuf.Message & { name?: string; cluster_name?: string };
	return decoded.name || decoded.cluster_name || "";
}

/** Waits for a condition, not for a time. @throws Error naming what did not come within 5 s. */
export async function until(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	while (!condition()) {
		if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}
