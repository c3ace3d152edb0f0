import { expect, it } from "vitest";
import { keyCounts } from "../../../control-plane/status/key-counts.ts";

it("requests by key are read of Envoy's statistics", () => {
	const stats = `# TYPE envoy_mcp_gateway_api_key_requests counter
envoy_mcp_gateway_api_key_requests{name="",outcome=""} 9
envoy_mcp_gateway_api_key_requests{name="",outcome="unauthorized"} 1
envoy_mcp_gateway_api_key_requests{name="alice.x",outcome=""} 3
envoy_mcp_gateway_api_key_requests{name="bob",outcome="denied"} 2
# TYPE envoy_server_live gauge
envoy_server_live{} 1
`;
	expect(keyCounts(stats)).toEqual([
		{ key: "", outcome: "unauthorized", requests: 1 },
		{ key: "alice.x", outcome: "allowed", requests: 3 },
		{ key: "bob", outcome: "denied", requests: 2 },
	]);
});
