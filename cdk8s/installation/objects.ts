/** All objects of an installation. `charts/mcp-gateway` renders the same ones. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { accounts } from "./accounts.ts";
import { controlPlane } from "./control-plane.ts";
import { disruptionBudgets } from "./disruption-budgets.ts";
import { envoy, envoyAutoscaler } from "./envoy.ts";
import type { Installation } from "./installation.ts";
import { networkPolicies } from "./network-policies.ts";
import { permissions } from "./permissions.ts";
import { type RegistryText, registry } from "./registry.ts";
import { httpRoute, ingress } from "./routes.ts";
import { serviceMonitors } from "./service-monitors.ts";
import { controlPlaneService, gatewayService } from "./services.ts";

/** In the order in which they are created: what a pod needs goes before it. Pure. */
export function installationObjects(installation: Installation, text: RegistryText): readonly KubernetesObject[] {
	return [
		...networkPolicies(installation),
		...disruptionBudgets(installation),
		...accounts(installation),
		...registry(installation, text),
		...permissions(installation),
		controlPlaneService(installation),
		gatewayService(installation),
		controlPlane(installation),
		envoy(installation),
		...envoyAutoscaler(installation),
		...ingress(installation),
		...httpRoute(installation),
		...serviceMonitors(installation),
	];
}
