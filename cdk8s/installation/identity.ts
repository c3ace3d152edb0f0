/** What an installation's objects are called, and how its pods are found. */
import type { Installation } from "./installation.ts";

export type Component = "control-plane" | "envoy";

/** Labels that pods of a component are selected by; those of `helm test` are one too. */
export function selectorLabels({ release }: Pick<Installation, "release">, component: Component | "test") {
	return {
		"app.kubernetes.io/name": "mcp-gateway",
		"app.kubernetes.io/instance": release,
		"app.kubernetes.io/component": component,
	};
}

/** Labels of an object, or of a pod. */
export function labels(installation: Installation, component: Component): Record<string, string> {
	return {
		...selectorLabels(installation, component),
		"app.kubernetes.io/version": installation.version,
		"app.kubernetes.io/managed-by": "cdk8s",
		"app.kubernetes.io/part-of": "mcp-gateway",
	};
}

/** Metadata of an object in the gateway's namespace; `suffix` follows the release's name. */
export function metadata(installation: Installation, component: Component, suffix: string) {
	const { release, namespace } = installation;
	return { name: `${release}${suffix}`, namespace, labels: labels(installation, component) };
}

/** Without what is empty: "", [], {} and undefined. */
export function filled<T extends object>(fields: T): Partial<T> {
	const isEmpty = (value: unknown) =>
		value === undefined ||
		value === "" ||
		(typeof value === "object" && value !== null && Object.keys(value).length === 0);
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value))) as Partial<T>;
}
