import { resolve } from "node:path";
import { Conflict, type CredentialStore, ensureCredentials, removeCredentials } from "../../credentials/ensure.ts";
import { fileStore } from "../../credentials/files.ts";
import { NotOurs, secretStore } from "../../credentials/secrets.ts";
import { ApiFault, createApiServer } from "../../kubernetes/api-server.ts";
import { findCluster } from "../../kubernetes/connection.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
import { kubernetesOptions } from "../options.ts";

const { kubeconfig, "kube-context": kubeContext } = kubernetesOptions;

/** What may begin the name of an object, and leaves room for what follows. */
const objectPrefix = /^[a-z0-9](?:[a-z0-9.-]{0,40}[a-z0-9])?$/;

export const credentials = command({
	usage: "credentials",
	summary: "Make the certificates of xDS and the admin API's token where they are missing, as Secrets or as files",
	options: {
		kubeconfig,
		"kube-context": kubeContext,
		namespace: { type: "string", requiresArg: true, describe: "Namespace of the Secrets [default: the cluster's own]" },
		prefix: {
			type: "string",
			requiresArg: true,
			default: "mcp-gateway",
			describe: "Begins the Secrets' names: PREFIX-xds-control-plane, PREFIX-xds-envoy and PREFIX-admin",
		},
		output: { type: "string", requiresArg: true, describe: "Write files into this folder instead, without a cluster" },
		remove: { type: "boolean", default: false, describe: "Remove what this command has made" },
	},
	positionals: {},
	examples: [
		["credentials --namespace mcp --prefix gw", "three Secrets for the chart's release `gw`"],
		["credentials --output credentials", "files for gateways on hosts of your own"],
	],
	run: async (args) => {
		const store = await storeOf(args);
		const tell = (line: string) => void process.stdout.write(`${line}\n`);
		try {
			await (args.remove ? removeCredentials(store, tell) : ensureCredentials(store, tell));
		} catch (error) {
			if (error instanceof ApiFault || error instanceof Conflict || error instanceof NotOurs) {
				throw failure(error.message);
			}
			if (error instanceof Error && "syscall" in error) throw failure(`${error.message}.`);
			throw error;
		}
		return 0;
	},
});

async function storeOf(args: {
	readonly kubeconfig: string | undefined;
	readonly kubeContext: string | undefined;
	readonly namespace: string | undefined;
	readonly prefix: string;
	readonly output: string | undefined;
}): Promise<CredentialStore> {
	if (args.output !== undefined) return fileStore(resolve(args.output));
	if (!objectPrefix.test(args.prefix)) {
		throw usage(`--prefix takes lower case letters, digits, - and ., 42 at most, not "${args.prefix}".`);
	}
	const connection = {
		...(args.kubeconfig !== undefined && { kubeconfig: args.kubeconfig }),
		...(args.kubeContext !== undefined && { context: args.kubeContext }),
	};
	const { kubeConfig, facts } = await findCluster({ ...connection, env: process.env }).catch((error: Error) => {
		throw failure(`${error.message}.`);
	});
	const namespace = args.namespace ?? facts.namespace;
	return secretStore({ request: createApiServer(kubeConfig).request, namespace, prefix: args.prefix });
}
