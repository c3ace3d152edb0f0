import { expect, test } from "vitest";
import { eventually, startGateway } from "../../support/gateway.ts";
import { startRecorder } from "../../support/upstreams.ts";
import { oneConnection, send } from "../data-plane/client.ts";

interface Envoy {
	connectedAt: number;
	inSync: boolean;
	pushes: number;
	bytes: number;
}

test("kill -9 of the control plane under traffic: Envoy serves on, and is sent nothing that it has", async () => {
	const upstream = await startRecorder({ reply: ({ target }) => ({ body: target }) });
	const at = (id: string) => [id, { type: "http", endpoint: `${upstream.url}/${id}` }] as const;
	const registry = Object.fromEntries(Array.from({ length: 10 }, (_, index) => at(`s${index}`)));
	const gateway = await startGateway({ registry });
	const envoys = async () => {
		const response = await fetch(`${gateway.adminUrl}/v1/status`).catch(() => undefined);
		return response?.ok ? ((await response.json()) as { envoys: Envoy[] }).envoys : [];
	};
	let over = false;
	const statuses = new Map<number, number>();
	const load = (async () => {
		const agent = oneConnection();
		for (let count = 0; !over; count += 1) {
			const { status } = await send(gateway.url, `/s${count % 10}`, { agent });
			statuses.set(status, (statuses.get(status) ?? 0) + 1);
		}
		agent.destroy();
	})();
	try {
		const [before] = await envoys();
		expect(before?.bytes).toBeGreaterThan(0);
		const { "control-plane": pid = 0 } = await gateway.children();
		process.kill(pid, "SIGKILL");
		await eventually(
			"another control plane knows Envoy",
			async () => {
				const [now] = await envoys();
				return now !== undefined && now.connectedAt !== before?.connectedAt && now.inSync;
			},
			30_000,
		);
		const ready = async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok;
		await eventually("it serves again", ready);
		expect((await envoys())[0]).toMatchObject({ pushes: 0, bytes: 0, inSync: true });
		await gateway.writeRegistry({ ...registry, ...Object.fromEntries([at("added")]) });
		await eventually("an addition is served", async () => (await send(gateway.url, "/added")).text === "/added");
	} finally {
		over = true;
		await load;
		await gateway.stop();
		await upstream.close();
	}
	expect([...statuses.keys()]).toEqual([200]);
});
