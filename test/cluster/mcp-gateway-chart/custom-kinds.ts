/**
 * What the chart uses of kinds that are no part of Kubernetes, as strict schemas: in a cluster without their definitions
 * the API server cannot be asked.
 */

const text = { type: "string" };
const texts = { type: "object", additionalProperties: text };
const metadata = { type: "object", properties: { name: text, namespace: text, labels: texts, annotations: texts } };

function strict(properties: Record<string, object>, optional: readonly string[] = []) {
	const required = Object.keys(properties).filter((name) => !optional.includes(name));
	return { type: "object", properties, required, additionalProperties: false };
}

const list = (items: object) => ({ type: "array", minItems: 1, items });

function kind(apiVersion: string, name: string, spec: object) {
	return strict({ apiVersion: { const: apiVersion }, kind: { const: name }, metadata, spec });
}

export const customKinds: Readonly<Record<string, object>> = {
	/** https://gateway-api.sigs.k8s.io/reference/spec/#httproute */
	HTTPRoute: kind(
		"gateway.networking.k8s.io/v1",
		"HTTPRoute",
		strict(
			{
				parentRefs: list(strict({ name: text, namespace: text, sectionName: text }, ["namespace", "sectionName"])),
				hostnames: list(text),
				rules: list(
					strict({
						backendRefs: list(strict({ name: text, port: { type: "integer", minimum: 1, maximum: 65535 } })),
						timeouts: strict({ request: { type: "string", pattern: "^([0-9]{1,5}(h|m|s|ms)){1,4}$" } }),
					}),
				),
			},
			["hostnames"],
		),
	),
	/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor */
	ServiceMonitor: kind(
		"monitoring.coreos.com/v1",
		"ServiceMonitor",
		strict({
			selector: strict({ matchLabels: texts }),
			endpoints: list(
				strict(
					{
						port: text,
						path: { type: "string", pattern: "^/" },
						interval: text,
						authorization: strict({ type: text, credentials: strict({ name: text, key: text }) }),
					},
					["authorization"],
				),
			),
		}),
	),
};
