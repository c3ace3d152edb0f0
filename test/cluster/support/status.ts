import type { ServerStatus, Status } from "../../../control-plane/status/status.ts";
import { eventually, type Gateway } from "../../support/gateway.ts";

export async function statusOf(gateway: Gateway): Promise<Status> {
	return (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as Status;
}

export async function serverStatus(gateway: Gateway, id: string): Promise<ServerStatus | undefined> {
	return (await statusOf(gateway)).servers.find((server) => server.id === id);
}

/** Waits until Envoy balances over so many pods of a server, and the control plane sees no other one. */
export async function served(gateway: Gateway, id: string, pods: number, timeoutMs = 90_000): Promise<void> {
	let last: ServerStatus | undefined;
	const done = async () => {
		last = await serverStatus(gateway, id).catch(() => undefined);
		const { endpoints = [], kubernetes } = last ?? {};
		const healthy = endpoints.filter(({ health }) => health === "healthy");
		return healthy.length === pods && endpoints.length === pods && kubernetes?.pods.length === pods;
	};
	await eventually(`${id} has ${pods} pods`, done, timeoutMs).catch((error: Error) => {
		throw new Error(`${error.message}\n${JSON.stringify(last, null, 2)}`);
	});
}
