/** Service accounts that may do little, and kubeconfigs for them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";
import { findCluster } from "../../../control-plane/kubernetes/connection.ts";

/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export interface Rule {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly verbs: readonly string[];
}

const all = ["get", "list", "watch", "create", "patch", "delete"];

/** What a control plane needs in each namespace of its servers. */
export const serverRules: readonly Rule[] = [
	{ apiGroups: [""], resources: ["configmaps", "services"], verbs: all },
	{ apiGroups: ["apps"], resources: ["deployments"], verbs: all },
	{ apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["patch"] },
	{ apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: all },
	{ apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: all },
	{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
	{ apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
];

/** And in its own. */
export const leaseRule: Rule = {
	apiGroups: ["coordination.k8s.io"],
	resources: ["leases"],
	verbs: ["get", "create", "update"],
};

/** Gives the account of `accountIn`, in a namespace, these permissions in place of those that it had there. */
export async function allow(
	request: ApiRequest,
	namespace: string,
	accountIn: string,
	rules: readonly Rule[],
): Promise<void> {
	const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
	const apply = {
		contentType: "application/apply-patch+yaml",
		query: { fieldManager: "test", force: "true" },
	};
	const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "writer" }, rules };
	await request("PATCH", `${rbac}/roles/writer`, { ...apply, body: role });
	const subjects = [{ kind: "ServiceAccount", name: "writer", namespace: accountIn }];
	const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "writer" };
	const meta = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: { name: "writer" } };
	await request("PATCH", `${rbac}/rolebindings/writer`, { ...apply, body: { ...meta, subjects, roleRef } });
}

/** An account in a namespace that may do nothing yet; resolves with the path of its kubeconfig, which goes with the test. */
export async function createAccount(request: ApiRequest, namespace: string): Promise<string> {
	const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
	await request("POST", accounts, { body: { metadata: { name: "writer" } } });
	const answer = await request("POST", `${accounts}/writer/token`, { body: { spec: { expirationSeconds: 3600 } } });
	const { token } = (answer as { status: { token: string } }).status;
	const { server, caData, caFile } = (await findCluster({ env: process.env })).kubeConfig.getCurrentCluster()!;
	const cluster = {
		server,
		...(caData === undefined ? { "certificate-authority": caFile } : { "certificate-authority-data": caData }),
	};
	const config = {
		apiVersion: "v1",
		kind: "Config",
		"current-context": "writer",
		clusters: [{ name: "test", cluster }],
		users: [{ name: "writer", user: { token } }],
		contexts: [{ name: "writer", context: { cluster: "test", user: "writer", namespace } }],
	};
	const folder = await mkdtemp(join(tmpdir(), "kube-account-"));
	onTestFinished(() => rm(folder, { recursive: true }));
	const file = join(folder, "config");
	await writeFile(file, JSON.stringify(config), { mode: 0o600 });
	return file;
}
