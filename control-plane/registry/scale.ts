import type { Server } from "./model.ts";

/** Why a server's pods cannot be set to a number in its entry, as a sentence with what to do; undefined where they can. */
export function scaleProblem(server: Server): string | undefined {
	if (server.type !== "k8s") {
		const how = server.type === "stdio" ? "its processes have bounds under `pool`" : "its replicas are its `endpoints`";
		return `\`${server.id}\` does not run on Kubernetes, so it has no pods to scale: ${how}.`;
	}
	if (!server.manage) {
		return `\`${server.id}\` is only found by the gateway (\`manage: false\`): scale it where it was installed.`;
	}
	if (server.values.autoscale === undefined) return undefined;
	return `\`${server.id}\` is scaled by its \`autoscale\`: change \`min\` and \`max\` there, or take it away first.`;
}
