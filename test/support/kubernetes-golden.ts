import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { OwnedObject } from "../../control-plane/kubernetes/contract.ts";
import { createCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { serverObjects } from "../../control-plane/kubernetes/objects/objects.ts";
import type { KubernetesServer } from "../../control-plane/registry/model.ts";
import { parseRegistry } from "../../control-plane/registry/parse.ts";

/** Registries with servers on Kubernetes (`in`), and the objects that they become (`out`). */
export const goldenFolder = join(import.meta.dirname, "../unit/kubernetes/golden");

export const goldenInputs: readonly string[] = readdirSync(join(goldenFolder, "in")).sort();

/** The file in `out` that an input becomes. */
export const goldenOutput = (input: string) => input.replace(/\.\w+$/, ".objects.yaml");

export interface GoldenServer {
	readonly server: KubernetesServer;
	readonly namespace: string;
	readonly objects: readonly OwnedObject[];
}

/** An input's servers with all of their objects; those without a namespace are in `default`. */
export function goldenServers(input: string): readonly GoldenServer[] {
	const parsed = parseRegistry(readFileSync(join(goldenFolder, "in", input), "utf8"), input);
	if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
	return [...parsed.registry.servers.values()].map((server) => {
		if (server.type !== "k8s") throw new Error(`${server.id} is of type ${server.type}`);
		return goldenServer(server);
	});
}

/** A server's objects by the repository's charts. */
export function goldenServer(server: KubernetesServer): GoldenServer {
	const result = createCharts().values(server);
	if (!result.ok) throw new Error(result.problem);
	const namespace = server.namespace ?? "default";
	return { server, namespace, objects: serverObjects(result.values, { id: server.id, namespace, owner: "golden" }) };
}

/**
 * All objects of an input as one List, in JSON, for `kubectl apply -f -`, which reads another YAML than is written in
 * `out`. `namespace` stands in place of the entries' own.
 */
export function goldenList(input: string, namespace: string): string {
	const items = goldenServers(input).flatMap(({ server }) => goldenServer({ ...server, namespace }).objects);
	return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
