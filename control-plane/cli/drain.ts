import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Drains an Envoy: tells its clients to take their next request elsewhere, then waits until no request is active,
 * at the most `limitMs`. `waiting` hears how many there are when it has to wait.
 */
export async function drainEnvoy(
	socketPath: string,
	limitMs: number,
	waiting: (active: number) => void,
): Promise<void> {
	const deadline = Date.now() + limitMs;
	try {
		await admin(socketPath, "POST", "/drain_listeners?graceful");
		let told = false;
		while (Date.now() < deadline) {
			const active = activeRequests(await admin(socketPath, "GET", "/stats?filter=downstream_rq_active"));
			if (active === 0) return;
			if (!told) waiting(active);
			told = true;
			await sleep(Math.min(50, Math.max(1, deadline - Date.now())));
		}
	} catch {
		// An Envoy that does not answer has nothing left to drain.
	}
}

/** Adds up the requests of all listeners but the admin interface's own. */
export function activeRequests(stats: string): number {
	let sum = 0;
	for (const line of stats.split("\n")) {
		const match = /^http\.(.+)\.downstream_rq_active: (\d+)$/.exec(line.trim());
		if (match !== null && match[1] !== "admin") sum += Number(match[2]);
	}
	return sum;
}

function admin(socketPath: string, method: string, path: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const sent = request({ socketPath, method, path, timeout: 1000 }, (response) => {
			let text = "";
			response.setEncoding("utf8");
			response.on("data", (chunk: string) => {
				text += chunk;
			});
			response.on("end", () => resolve(text));
			response.on("error", reject);
		});
		sent.on("timeout", () => sent.destroy(new Error("timeout")));
		sent.on("error", reject);
		sent.end();
	});
}
