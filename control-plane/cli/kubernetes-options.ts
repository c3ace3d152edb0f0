import { delimiter, join, resolve } from "node:path";
import type { KubernetesOptions } from "../kubernetes/kubernetes.ts";
import { usage } from "./errors.ts";
import { root } from "./paths.ts";

/** The options of `kubernetesOptions` as they are written. */
export interface KubernetesArgs {
	readonly kubeconfig?: string | undefined;
	readonly kubeContext?: string | undefined;
	readonly kubeNamespaces?: string | undefined;
	readonly gatewayName: string;
	readonly charts?: string | undefined;
	readonly bridgeImage?: string | undefined;
}

const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const labelValue = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Checks them; whether there is a cluster is not looked at before an entry asks for one. @throws CliError */
export function checkKubernetes(args: KubernetesArgs): KubernetesOptions {
	const namespaces = [...new Set((args.kubeNamespaces ?? "").split(",").map((name) => name.trim()))].filter(Boolean);
	const wrong = namespaces.find((name) => !namespaceName.test(name));
	if (wrong !== undefined || (args.kubeNamespaces !== undefined && namespaces.length === 0)) {
		throw usage(`--kube-namespaces takes names of namespaces, as in a,b, not "${wrong ?? args.kubeNamespaces}".`);
	}
	if (!labelValue.test(args.gatewayName)) {
		throw usage(
			`--gateway-name takes letters, digits, -, _ and ., 63 at most, with a letter or digit at both ends, not "${args.gatewayName}".`,
		);
	}
	return {
		...(args.kubeconfig === undefined
			? {}
			: {
					kubeconfig: args.kubeconfig
						.split(delimiter)
						.filter(Boolean)
						.map((file) => resolve(file))
						.join(delimiter),
				}),
		...(args.kubeContext === undefined ? {} : { context: args.kubeContext }),
		namespaces,
		gatewayName: args.gatewayName,
		charts: resolve(args.charts ?? join(root, "charts")),
		...(args.bridgeImage === undefined ? {} : { bridgeImage: args.bridgeImage }),
	};
}

/** The same as arguments for a child. */
export function kubernetesArgs(options: KubernetesOptions): string[] {
	const { kubeconfig, context, namespaces, gatewayName, charts, bridgeImage } = options;
	return [
		...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
		...(context === undefined ? [] : ["--kube-context", context]),
		...(namespaces.length === 0 ? [] : ["--kube-namespaces", namespaces.join(",")]),
		...["--gateway-name", gatewayName],
		...["--charts", charts],
		...(bridgeImage === undefined ? [] : ["--bridge-image", bridgeImage]),
	];
}
