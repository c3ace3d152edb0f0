import { afterAll, beforeAll } from "vitest";
import { type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";

/** One recorder behind one gateway, as the server `s` at `/mcp`, for all tests of the file that calls this. */
export function recordedServer(): { readonly upstream: Recorder; readonly gateway: Gateway } {
	const running = {} as { upstream: Recorder; gateway: Gateway };
	beforeAll(async () => {
		running.upstream = await startRecorder();
		running.gateway = await startGateway({
			registry: { s: { type: "http", endpoint: `${running.upstream.url}/mcp` } },
		});
	});
	afterAll(async () => {
		await running.gateway?.stop();
		await running.upstream?.close();
	});
	return running;
}
