import { createInterface } from "node:readline/promises";
import { ApiFault, createApiServer } from "../../kubernetes/api-server.ts";
import { findCluster } from "../../kubernetes/connection.ts";
import {
	type CleanupDeps,
	cleanUp,
	type Found,
	findLeftovers,
	type Leftovers,
	StillThere,
} from "../../kubernetes/write/cleanup.ts";
import { conditionOf } from "../../kubernetes/write/conditions.ts";
import { refText } from "../../kubernetes/write/object-ref.ts";
import { command } from "../command.ts";
import { failure } from "../errors.ts";
import { checkKubernetes } from "../kubernetes-options.ts";
import { kubernetesOptions } from "../options.ts";

const { charts: _, "bridge-image": __, ...clusterOptions } = kubernetesOptions;

export const cleanup = command({
	usage: "cleanup",
	summary: "Remove everything that the gateway has made on Kubernetes, in every namespace, and wait until it is gone",
	options: {
		...clusterOptions,
		"dry-run": { type: "boolean", default: false, describe: "Only list what would be removed" },
		yes: { type: "boolean", default: false, describe: "Do not ask; without a terminal nothing is asked anyway" },
		timeout: { type: "number", requiresArg: true, default: 180, describe: "Seconds to wait until all is gone" },
	},
	positionals: {},
	examples: [
		["cleanup --dry-run", "what is there"],
		["cleanup --yes --kube-namespaces mcp,tools", "with permissions in these namespaces only"],
	],
	run: async (args) => {
		const { namespaces, gatewayName, ...connection } = checkKubernetes(args);
		const { kubeConfig, facts } = await findCluster({ ...connection, env: process.env }).catch((error: Error) => {
			throw failure(`${error.message}.`);
		});
		const deps: CleanupDeps = {
			request: createApiServer(kubeConfig).request,
			gatewayName,
			// The Lease is in the gateway's own namespace, where servers need not be.
			namespaces: namespaces.length === 0 ? [] : [...new Set([...namespaces, facts.namespace])],
			tell: (line) => void process.stdout.write(`${line}\n`),
			timeoutMs: args.timeout * 1000,
		};
		try {
			const found = await findLeftovers(deps);
			process.stdout.write(lines(found, gatewayName).join("\n"));
			const nothing = found.ours.length === 0 && found.leases.length === 0 && found.pods.length === 0;
			if (args.dryRun || nothing) return 0;
			if (!args.yes && !(await agreed(facts.source))) throw failure("Nothing was removed.");
			await cleanUp(deps);
		} catch (error) {
			throw explained(error);
		}
		process.stdout.write("Everything is gone. A control plane that still runs makes nothing until it is restarted.\n");
		return 0;
	},
});

function lines({ ours, theirs, leases, pods }: Leftovers, gatewayName: string): string[] {
	const shown = (list: readonly Found[]) => list.map(({ ref }) => `  ${refText(ref)}`);
	const names = leases.map(({ metadata }) => `  Lease ${metadata?.namespace}/${metadata?.name}`);
	const nothing = ours.length === 0 && leases.length === 0;
	return [
		nothing ? `Nothing here is made by the gateway ${gatewayName}.` : `Made by the gateway ${gatewayName}:`,
		...shown(ours),
		...names,
		...(pods.length === 0 ? [] : [`and ${pods.length} ${pods.length === 1 ? "pod" : "pods"}`]),
		...(theirs.length === 0 ? [] : ["Left alone, for it only has the same label:", ...shown(theirs)]),
		"",
	];
}

async function agreed(source: string): Promise<boolean> {
	if (!process.stdin.isTTY || !process.stdout.isTTY) return true;
	const asking = createInterface({ input: process.stdin, output: process.stdout });
	try {
		return /^y(es)?$/i.test((await asking.question(`Remove all of it from the cluster (${source})? [y/N] `)).trim());
	} finally {
		asking.close();
	}
}

function explained(error: unknown): unknown {
	if (error instanceof StillThere) return failure(error.message);
	if (!(error instanceof ApiFault)) return error;
	const asked = { object: "an object", namespace: "every", verb: "list", group: "", resource: "objects" };
	const condition = conditionOf(error, asked);
	const everywhere = /at the cluster scope/.test(error.message);
	const hint = everywhere ? " Name the namespaces with --kube-namespaces." : "";
	return failure(`${condition === undefined || everywhere ? error.message : condition.message}${hint}`);
}
