import { type Colours, table } from "./text.ts";

export interface Welcome {
	/** Base URL of the gateway. */
	readonly url: string;
	readonly adminUrl: string;
	readonly servers: readonly string[];
	/** Clients need an API key. */
	readonly apiKey: boolean;
}

/** More servers than this are not listed; nobody pastes so many. */
const MOST = 40;

/** What `up` prints for people once traffic is served: every server's URL, and a piece of JSON to paste into a client. */
export function welcome(info: Welcome, colours: Colours): string {
	const { url, servers } = info;
	const shown = servers.slice(0, MOST);
	const more = servers.length - shown.length;
	const headers = info.apiKey ? { headers: { Authorization: "Bearer YOUR-API-KEY" } } : {};
	const entries = Object.fromEntries(shown.map((id) => [id, { type: "http", url: `${url}/${id}`, ...headers }]));
	return [
		"",
		colours.bold(`The gateway serves ${servers.length === 1 ? "1 server" : `${servers.length} servers`}:`),
		"",
		...table(shown.map((id) => [`  ${colours.cyan(id)}`, `${url}/${id}`])),
		...(more > 0 ? [`  … and ${more} more: npx mcp-gateway servers list`] : []),
		"",
		"Paste this into an MCP client:",
		"",
		snippet(entries),
		"",
		`Try it:  npx mcp-gateway call ${servers[0] ?? "SERVER"}${url === "http://127.0.0.1:8080" ? "" : ` --gateway ${url}`}`,
		`Status:  npx mcp-gateway status${info.adminUrl === "http://127.0.0.1:9090" ? "" : ` --admin ${new URL(info.adminUrl).host}`}`,
		"Stop:    Ctrl-C",
		"",
	].join("\n");
}

/** JSON with one server a line. */
function snippet(entries: Record<string, unknown>): string {
	const lines = Object.entries(entries).map(([id, entry]) => `    ${JSON.stringify(id)}: ${JSON.stringify(entry)}`);
	return `{\n  "mcpServers": {\n${lines.join(",\n")}\n  }\n}`;
}
