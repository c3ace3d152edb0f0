import type { ServerValues } from "../../registry/model.ts";
import type { OwnedKinds } from "../contract.ts";
import { PORT_NAME, selectorLabels } from "../names.ts";
import { metadata, type ObjectIdentity } from "./identity.ts";

/** The name under which a server's pods are found; its EndpointSlices are what the gateway follows. */
export function service({ port }: Pick<ServerValues, "port">, identity: ObjectIdentity): OwnedKinds["Service"] {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: metadata(identity),
		spec: {
			type: "ClusterIP",
			selector: { ...selectorLabels(identity.name) },
			ports: [{ name: PORT_NAME, port, targetPort: PORT_NAME, protocol: "TCP" }],
		},
	};
}
