import { readFileSync } from "node:fs";
import { firstPlainKey } from "../../registry/api-keys.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
import { fetchOverTls, type TlsClientOptions } from "../fetch-over-tls.ts";
import type { ConnectedClient } from "../mcp-client.ts";
import { coloursFor, harmless, table } from "../text.ts";

export const call = command({
	usage: "call <server> [tool] [arguments]",
	summary: "Call a tool through the gateway; without a tool, list the tools of the server",
	options: {
		gateway: {
			type: "string",
			requiresArg: true,
			default: "http://127.0.0.1:8080",
			describe: "URL of the gateway",
		},
		"api-key-file": {
			type: "string",
			requiresArg: true,
			describe:
				"The gateway's key file; its first key that is no hash is sent [default: the key in MCP_GATEWAY_API_KEY]",
		},
		ca: {
			type: "string",
			requiresArg: true,
			describe: "PEM file of the authority that signed the gateway's certificate",
		},
		"client-cert": {
			type: "string",
			requiresArg: true,
			describe: "PEM file with the certificate to show to the gateway",
		},
		"client-key": { type: "string", requiresArg: true, describe: "PEM file with its private key" },
		json: { type: "boolean", default: false, describe: "Print the whole result as JSON" },
		timeout: { type: "number", requiresArg: true, default: 60, describe: "Seconds to wait for an answer" },
	},
	positionals: {
		server: { type: "string", demandOption: true, describe: "Id of the server in the registry" },
		tool: { type: "string", describe: "Name of the tool" },
		arguments: { type: "string", describe: "Arguments of the tool as a JSON object" },
	},
	examples: [
		["call everything", "list its tools"],
		[`call everything echo '{"message": "hello"}'`, "call one and print what it returns"],
		["call everything --gateway https://localhost:8443 --ca ca.pem", "over HTTPS, with an authority of your own"],
	],
	run: async (args) => {
		const url = serverUrl(args.gateway, args.server);
		const input = toolArguments(args.arguments);
		// Loaded late: other commands need none of it.
		const { connectClient } = await import("../mcp-client.ts");
		const headers = apiKey(args["api-key-file"]);
		const tls = tlsOptions(args.ca, args.clientCert, args.clientKey);
		const timeout = args.timeout * 1000;
		const options = { headers, timeoutMs: timeout, ...(tls === undefined ? {} : { fetch: fetchOverTls(tls) }) };
		let connected: ConnectedClient | undefined;
		try {
			connected = await connectClient(url, options);
			const { client } = connected;
			if (args.tool === undefined) {
				const { tools } = await client.listTools(undefined, { timeout });
				process.stdout.write(args.json ? `${JSON.stringify(tools, null, 2)}\n` : toolList(tools));
				return 0;
			}
			const result = await client.callTool({ name: args.tool, arguments: input }, { timeout });
			const text = args.json ? `${JSON.stringify(result, null, 2)}\n` : contentText(result["content"], result);
			// A file or another program gets what the tool returned.
			process.stdout.write(process.stdout.isTTY ? harmless(text) : text);
			return result["isError"] === true ? 1 : 0;
		} catch (error) {
			throw failure(harmless(`${args.server}: ${explain(error, args.gateway)}`));
		} finally {
			await connected?.close();
		}
	},
});

function serverUrl(gateway: string, server: string): URL {
	if (!/^https?:\/\//i.test(gateway) || !URL.canParse(gateway)) {
		throw usage(`--gateway takes a URL as in http://127.0.0.1:8080, not "${gateway}".`);
	}
	return new URL(`${gateway.replace(/\/+$/, "")}/${encodeURIComponent(server)}`);
}

function toolArguments(text: string | undefined): Record<string, unknown> {
	if (text === undefined) return {};
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
	} catch (error) {
		throw usage(`The tool's arguments are not JSON: ${(error as Error).message}.`);
	}
	throw usage(`The tool's arguments must be a JSON object, as in '{"message": "hello"}'.`);
}

function apiKey(file: string | undefined): Record<string, string> {
	if (file === undefined) {
		const key = process.env["MCP_GATEWAY_API_KEY"];
		return key === undefined ? {} : { "x-api-key": key };
	}
	const readFile = (path: string) => readFileSync(path, "utf8");
	let key: string | undefined;
	try {
		key = firstPlainKey(readFile(file), file, { env: process.env, readFile });
	} catch (error) {
		throw usage(`--api-key-file: ${(error as Error).message}.`);
	}
	if (key === undefined) {
		throw usage(
			"--api-key-file: this file has no fault-free key that is no hash. Set MCP_GATEWAY_API_KEY to your key.",
		);
	}
	return { "x-api-key": key };
}

/** What the system's authorities and a bare connection do not do; undefined where they do. */
function tlsOptions(ca?: string, cert?: string, key?: string): TlsClientOptions | undefined {
	if ((cert === undefined) !== (key === undefined)) throw usage("--client-cert and --client-key belong together.");
	const read = (name: string, file: string | undefined) => {
		try {
			return file === undefined ? {} : { [name]: readFileSync(file, "utf8") };
		} catch (error) {
			throw usage(`Cannot read a certificate: ${(error as Error).message}.`);
		}
	};
	if (ca === undefined && cert === undefined) return undefined;
	return { ...read("ca", ca), ...read("cert", cert), ...read("key", key) };
}

function toolList(tools: readonly { name: string; description?: string | undefined }[]): string {
	const colours = coloursFor(process.stdout);
	const rows = tools.map(({ name, description }) => [colours.cyan(harmless(name)), firstLine(description)]);
	return rows.length === 0 ? "This server has no tools.\n" : `${table(rows).join("\n")}\n`;
}

const firstLine = (text = "") => harmless(text).split("\n")[0]?.trim() ?? "";

/** What a tool has returned, for people: texts as they are, anything else as JSON. */
export function contentText(content: unknown, result: unknown): string {
	if (!Array.isArray(content)) return `${JSON.stringify(result, null, 2)}\n`;
	const parts = content.map((item: { type?: unknown; text?: unknown }) =>
		item.type === "text" && typeof item.text === "string" ? item.text : JSON.stringify(item, null, 2),
	);
	return parts.map((part) => (part.endsWith("\n") ? part : `${part}\n`)).join("");
}

/** The gateway's own sentence out of an error answer, which the SDK hands on as text within a text. */
function explain(error: unknown, gateway: string): string {
	if (!(error instanceof Error)) return String(error);
	const unreachable = [error, error.cause].find((one) => one instanceof TypeError && one.message === "fetch failed");
	if (unreachable instanceof TypeError) {
		const code = (unreachable.cause as NodeJS.ErrnoException | undefined)?.code ?? "";
		if (/CERT|ISSUER/.test(code)) {
			return `The certificate at ${gateway} is not trusted (${code}). Name the file of its authority with --ca FILE.`;
		}
		return `No gateway answers at ${gateway}. Start one with \`mcp-gateway up\`, or name its URL with --gateway.`;
	}
	const text = (error as { data?: { text?: unknown } }).data?.text;
	const body = /\{.*\}/s.exec(typeof text === "string" ? text : error.message)?.[0];
	if (body === undefined) return error.message;
	try {
		const { error: answered }: { error?: { message?: unknown; data?: { detail?: unknown } } } = JSON.parse(body);
		if (typeof answered?.message !== "string") return error.message;
		const detail = answered.data?.detail;
		return typeof detail === "string" ? `${answered.message} (${detail})` : answered.message;
	} catch {
		return error.message;
	}
}
