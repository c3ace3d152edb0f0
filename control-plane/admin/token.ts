/** The token of the admin API: where it comes from, for those who ask for it and those who send it. */
import { hash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

/** Variable that holds the token where no file is named. */
export const TOKEN_VARIABLE = "MCP_GATEWAY_ADMIN_TOKEN";

/** Reads the token as it is now. @throws Error that says what is wrong, without the token. */
export type TokenSource = () => string;

/** The token's source, of a file before the environment's; undefined where there is neither. */
export function tokenSource(file: string | undefined, env: NodeJS.ProcessEnv): TokenSource | undefined {
	if (file !== undefined) return () => checked(readFileSync(file, "utf8"), file);
	const variable = env[TOKEN_VARIABLE];
	if (variable === undefined || variable === "") return undefined;
	return () => checked(variable, TOKEN_VARIABLE);
}

/** What a header can carry, long enough not to be guessed: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function checked(text: string, where: string): string {
	const token = text.trim();
	if (/^[\x21-\x7e]{16,}$/.test(token)) return token;
	throw new Error(`${where} must hold one token of at least 16 characters without spaces`);
}

/** Compares in a time that tells nothing of the token, its length included. */
export function isSameToken(one: string, other: string): boolean {
	return timingSafeEqual(hash("sha256", one, "buffer"), hash("sha256", other, "buffer"));
}
