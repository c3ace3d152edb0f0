/**
 * A control plane's Kubernetes side as a process of its own, to be killed. Arguments: name of the gateway, which is its
 * namespace too; the registry as JSON; times of the Lease as JSON. Its log goes to stdout.
 */
import { pino } from "pino";
import { createApiServer } from "../../../control-plane/kubernetes/api-server.ts";
import { findCluster } from "../../../control-plane/kubernetes/connection.ts";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { createClusterCache } from "../../../control-plane/kubernetes/watch/cache.ts";
import { startWriter } from "../../../control-plane/kubernetes/write/writer.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";

const [gatewayName = "", registry = "", times = ""] = process.argv.slice(2);
const log = pino();
const { kubeConfig } = await findCluster({ env: process.env });
const api = createApiServer(kubeConfig);
const cache = createClusterCache({ api, owner: gatewayName, namespaces: [], log });
const writer = startWriter({
	request: api.request,
	namespace: gatewayName,
	cache,
	gatewayName,
	charts: createCharts(),
	log,
	leaseTimes: JSON.parse(times),
});
const parsed = parseRegistry(registry, "registry.json");
if (!parsed.ok) throw new Error("the registry is faulty");
writer.setServers([...parsed.registry.servers.values()].filter((server) => server.type === "k8s"));
process.once("SIGTERM", async () => {
	await writer.close();
	process.exit(0);
});
