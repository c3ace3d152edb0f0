import { isMap } from "../../control-plane/registry/dialect.ts";

/** What says whose an object is, and so differs between Helm, cdk8s and the gateway. */
const OWNERSHIP = new Set(["app.kubernetes.io/managed-by", "mcp-gateway/owner", "helm.sh/chart"]);

/** A copy without the labels of {@link OWNERSHIP}, wherever they are. */
export function anyones(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(anyones);
	if (!isMap(value)) return value;
	return Object.fromEntries(
		Object.entries(value).flatMap(([key, inner]) => (OWNERSHIP.has(key) ? [] : [[key, anyones(inner)]])),
	);
}
