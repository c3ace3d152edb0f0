import { request } from "node:http";
import type { Address } from "../ir/model.ts";

export interface AskOptions {
	/** Default GET; a POST says that it is JSON, which a web page of another origin cannot. */
	readonly method?: "GET" | "POST";
	readonly timeoutMs?: number;
	readonly signal?: AbortSignal;
}

/** As {@link askText}; the JSON of the answer. */
export async function askJson(address: Address, path: string, options: AskOptions = {}): Promise<unknown> {
	return JSON.parse(await askText(address, path, options));
}

/** Asks over TCP or a Unix socket; the text of a 200 answer. @throws Error for any other answer, or none in time. */
export function askText(address: Address, path: string, options: AskOptions = {}): Promise<string> {
	const { method = "GET", timeoutMs = 2000, signal } = options;
	const headers = method === "POST" ? { "content-type": "application/json" } : {};
	const target = "path" in address ? { socketPath: address.path } : { host: address.host, port: address.port };
	return new Promise((resolve, reject) => {
		const call = request(
			{ ...target, method, headers, path, timeout: timeoutMs, agent: false, ...(signal && { signal }) },
			(response) => {
				const chunks: Buffer[] = [];
				response.on("data", (chunk: Buffer) => chunks.push(chunk));
				response.on("error", reject);
				response.on("end", () => {
					if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
					else reject(new Error(`${path} answered ${response.statusCode}`));
				});
			},
		);
		call.on("timeout", () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
		call.on("error", reject);
		call.end();
	});
}
