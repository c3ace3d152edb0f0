import { request } from "node:http";
import type { Address } from "../ir/model.ts";

/** GET over TCP or a Unix socket; the JSON of a 200 answer. @throws Error for any other answer, or none in time. */
export function getJson(address: Address, path: string, timeoutMs = 2000): Promise<unknown> {
	const target = "path" in address ? { socketPath: address.path } : { host: address.host, port: address.port };
	return new Promise((resolve, reject) => {
		const call = request({ ...target, path, timeout: timeoutMs, agent: false }, (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () => {
				if (response.statusCode !== 200) {
					reject(new Error(`${path} answered ${response.statusCode}`));
					return;
				}
				try {
					resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
				} catch (error) {
					reject(error);
				}
			});
		});
		call.on("timeout", () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
		call.on("error", reject);
		call.end();
	});
}
