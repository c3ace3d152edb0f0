/** Where a registry is kept in a cluster. */
export interface ConfigMapPlace {
	/** Left out: the gateway's own. */
	readonly namespace?: string;
	readonly name: string;
	/** Left out: the only one, else `mcp-gateway.yaml`. */
	readonly key?: string;
}

const prefix = "configmap:";
const form = /^(?:(?<namespace>[a-z0-9-]+)\/)?(?<name>[a-z0-9.-]+)(?:\/(?<key>[A-Za-z0-9._-]+))?$/;

/** Whether the value of `--registry` means a ConfigMap. */
export const namesConfigMap = (text: string | undefined): text is string => text?.startsWith(prefix) === true;

/**
 * Reads `configmap:NAMESPACE/NAME` or `configmap:NAMESPACE/NAME/KEY`; `configmap:NAME` is one in the gateway's own
 * namespace. Undefined where it is none of these.
 */
export function parseConfigMapPlace(text: string): ConfigMapPlace | undefined {
	const parts = namesConfigMap(text) ? form.exec(text.slice(prefix.length))?.groups : undefined;
	const { namespace, name, key } = parts ?? {};
	if (name === undefined) return undefined;
	return { name, ...(namespace === undefined ? {} : { namespace }), ...(key === undefined ? {} : { key }) };
}
