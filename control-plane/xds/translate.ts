import type { ListenerIR, ServerIR } from "../ir/model.ts";
import { apiKeysExtension } from "./api-keys.ts";
import { cluster, loadAssignment } from "./cluster.ts";
import { listener } from "./listener.ts";
import type { Message } from "./message.ts";
import type { ResourceType } from "./names.ts";
import { scope } from "./scope.ts";
import { listenerSecrets, secrets, systemRoots } from "./secrets.ts";
import { exporterCluster } from "./tracing.ts";

/** A resource before it is encoded. */
export interface Resource {
	readonly type: ResourceType;
	readonly name: string;
	readonly message: Message;
	/** Stands in for what is not known yet: only for an Envoy that has nothing of this name. */
	readonly provisional?: true;
}

/** All resources of one server: cluster, endpoints and secrets where it is served, and always its scope. */
export function translateServer(server: ServerIR): Resource[] {
	const provisional = server.state === "unavailable" && server.unknown === true;
	const found: Resource[] = [{ ...resource("scope", scope(server)), ...(provisional && { provisional }) }];
	if (server.state === "serving") {
		found.push(resource("cluster", cluster(server)));
		found.push(...secrets(server).map((secret) => resource("secret", secret)));
		if (server.upstream.discovery === "eds") {
			const message = loadAssignment(server);
			found.push({ type: "endpoints", name: String(message["cluster_name"]), message });
		}
	}
	return found;
}

/** The resources that belong to no server: the listener with what it needs, and the system's authorities. */
export function translateGateway(ir: ListenerIR, systemRootsPem: string): Resource[] {
	const shared = [systemRoots(systemRootsPem), ...listenerSecrets(ir)];
	const found = [resource("listener", listener(ir)), ...shared.map((secret) => resource("secret", secret))];
	if (typeof ir.trace === "object") found.push(resource("cluster", exporterCluster(ir.trace)));
	if (ir.apiKeys.length > 0) found.push(resource("extension", apiKeysExtension(ir.apiKeys)));
	return found;
}

function resource(type: ResourceType, message: Message): Resource {
	return { type, name: String(message["name"]), message };
}
