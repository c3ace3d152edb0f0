import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { Gateway } from "./gateway.ts";

/** The folder that a running gateway keeps its files in. */
export async function runFolder(gateway: Gateway): Promise<string> {
	const [name] = (await readdir(gateway.tempDir)).filter((entry) => entry.startsWith("mcp-gateway-"));
	return join(gateway.tempDir, name as string);
}

/** GET from the admin interface of a gateway's Envoy. */
export async function envoyAdmin(gateway: Gateway, path: string): Promise<string> {
	const socketPath = join(await runFolder(gateway), "envoy-admin.sock");
	return new Promise((resolve, reject) => {
		const ask = request({ socketPath, path, agent: false }, (response) => {
			let text = "";
			response.setEncoding("utf8").on("data", (part) => {
				text += part;
			});
			response.on("end", () => resolve(text));
		});
		ask.on("error", reject).end();
	});
}
