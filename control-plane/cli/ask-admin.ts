import { TOKEN_VARIABLE, tokenSource } from "../admin/token.ts";
import { httpUrl, parseTcp } from "./address.ts";
import { failure, usage } from "./errors.ts";

/** The options that say where the admin API is. */
export interface AdminArgs {
	readonly admin: string;
	readonly "admin-token-file"?: string | undefined;
}

/** What the admin API of a running gateway answers. @throws CliError that says what to do */
export async function askAdmin(args: AdminArgs, path: string, timeoutMs = 10_000): Promise<unknown> {
	const { admin } = args;
	const token = tokenSource(args["admin-token-file"], process.env);
	let url: string;
	try {
		url = `${httpUrl(parseTcp(admin))}${path}`;
	} catch (error) {
		throw usage(`--admin: ${(error as Error).message}`);
	}
	const headers: Record<string, string> = {};
	try {
		if (token !== undefined) headers["authorization"] = `Bearer ${token()}`;
	} catch (error) {
		throw failure(`The admin API's token cannot be read: ${(error as Error).message}.`);
	}
	let response: Response;
	try {
		response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
	} catch {
		throw failure(
			`No gateway answers at ${admin}. Start one with \`mcp-gateway up\`, or name its address with --admin.`,
		);
	}
	if (response.status === 401) {
		const hint = `Name the file that holds it with --admin-token-file, or set ${TOKEN_VARIABLE}.`;
		throw failure(`The admin API at ${admin} wants ${token === undefined ? "its" : "another"} token. ${hint}`);
	}
	if (!response.ok) {
		const body: unknown = await response.json().catch(() => undefined);
		const words = typeof body === "object" && body !== null && "message" in body ? `: ${String(body.message)}` : ".";
		throw failure(`The admin API at ${admin} answered ${response.status}${words}`);
	}
	return await response.json().catch(() => undefined);
}
