import { Client, type ClientDuplexStream, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { adsService, type DeltaRequest, type DeltaResponse } from "../../../control-plane/ads/protocol.ts";
import { type ResourceType, typeUrl } from "../../../control-plane/xds/names.ts";

type Method = MethodDefinition<Partial<DeltaRequest>, DeltaResponse>;

/** Opens a stream of the service by the method's name. */
export function openStream(client: Client, name: string): ClientDuplexStream<Partial<DeltaRequest>, DeltaResponse> {
	const method: Method | undefined = adsService()[name];
	if (method === undefined) throw new Error(`the service has no ${name}`);
	return client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
}

/** A delta ADS client over real gRPC that acknowledges only what it is told to. */
export class DeltaClient {
	readonly received: DeltaResponse[] = [];
	error: ServiceError | undefined;
	private readonly client: Client;
	private readonly stream: ClientDuplexStream<Partial<DeltaRequest>, DeltaResponse>;
	private taken = 0;

	constructor(address: string) {
		this.client = new Client(address, credentials.createInsecure());
		this.stream = openStream(this.client, "DeltaAggregatedResources");
		this.stream.on("data", (response: DeltaResponse) => this.received.push(response));
		this.stream.on("error", (error: ServiceError) => {
			this.error = error;
		});
	}

	send(request: Partial<DeltaRequest>): this {
		this.stream.write(request);
		return this;
	}

	subscribe(type: ResourceType, more: Partial<DeltaRequest> = {}): this {
		return this.send({ type_url: typeUrl[type], ...more });
	}

	ack({ type_url, nonce }: DeltaResponse): this {
		return this.send({ type_url, response_nonce: nonce });
	}

	nack({ type_url, nonce }: DeltaResponse, message: string): this {
		return this.send({ type_url, response_nonce: nonce, error_detail: { code: 3, message } });
	}

	/** The next response that no one has taken yet. */
	async next(): Promise<DeltaResponse> {
		await until(() => this.received.length > this.taken || this.error !== undefined, "a response");
		const response = this.received[this.taken];
		if (response === undefined) throw this.error ?? new Error("no response");
		this.taken += 1;
		return response;
	}

	close(): void {
		this.stream.cancel();
		this.client.close();
	}
}

/** Waits for a condition, not for a time. @throws Error naming what did not come within 5 s. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	while (!condition()) {
		if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}
