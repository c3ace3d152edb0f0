import type { V1EndpointSlice } from "@kubernetes/client-node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClusterCache } from "../../../control-plane/kubernetes/contract.ts";
import { createDiscovery } from "../../../control-plane/kubernetes/discovery/discovery.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A new one each time, as after any change of it. */
function slices(): readonly V1EndpointSlice[] {
	const conditions = { ready: false, serving: true, terminating: true };
	const endpoints = [{ addresses: ["10.0.0.1"], conditions, targetRef: { uid: "pod" } }];
	return [{ addressType: "IPv4", endpoints, ports: [{ name: "mcp", port: 8080 }] }];
}

const cache: Pick<ClusterCache, "slices" | "service" | "state"> = {
	slices,
	service: () => undefined,
	state: () => ({ listed: true }),
};

test("sessions that have left a pod do not come back, however long it was drained", () => {
	const drainMs = 3_600_000;
	const due = vi.fn();
	const discover = createDiscovery({
		cache,
		serviceOf: ({ id }) => ({ namespace: "mcp", name: id }),
		listening: () => ({ port: 8080, path: "/mcp", drainMs }),
		due,
	});
	const server = kubernetesServer("docs");
	const endpoints = () => {
		const found = discover(server);
		return found.state === "found" && found.via === "endpoints" ? found.endpoints.length : undefined;
	};
	expect(endpoints()).toBe(1);
	vi.advanceTimersByTime(drainMs - 2000);
	expect(endpoints()).toBe(1);
	expect(due).not.toHaveBeenCalled();
	vi.advanceTimersByTime(1000);
	expect(due).toHaveBeenCalledExactlyOnceWith({ namespace: "mcp", name: "docs" });
	expect(endpoints()).toBe(0);
	// It is told to end now, and may take half a minute more.
	vi.advanceTimersByTime(30_000);
	expect(endpoints()).toBe(0);
	vi.advanceTimersByTime(3_600_000);
	expect(vi.getTimerCount()).toBe(0);
});
