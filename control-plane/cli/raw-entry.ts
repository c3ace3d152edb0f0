import { usage } from "./errors.ts";

/** An entry as it is written into a registry file. */
export type RawEntry = Record<string, unknown>;

/** Makes the entry that `servers add` writes, in the shortest form that says it. */
export function rawEntry(given: {
	urls: readonly string[];
	command: readonly string[];
	headers: readonly string[];
	env: readonly string[];
	/** Of a server at URLs. */
	type?: "http" | "sse";
}): RawEntry {
	const { urls, command, headers, env } = given;
	if (urls.length > 0 && command.length > 0) throw usage("Give a URL or, after --, a command; not both.");
	if (urls.length > 0) {
		if (env.length > 0) throw usage("--env is for a command after --; a URL takes --header.");
		const [only] = urls;
		const pairs = headers.map((text) => pair(text, /^([^:\s]+):\s*(.*)$/s, "--header takes 'NAME: VALUE'"));
		return {
			type: given.type ?? "http",
			...(urls.length === 1 ? { endpoint: only } : { endpoints: urls }),
			...(pairs.length > 0 ? { headers: Object.fromEntries(pairs) } : {}),
		};
	}
	if (command.length === 0)
		throw usage("Say what the server is: a URL, or a command after -- (`servers add files -- npx ...`).");
	if (given.type !== undefined) throw usage("--type is for a URL; what comes after -- is a stdio server.");
	if (headers.length > 0) throw usage("--header is for a URL; a command takes --env.");
	const pairs = env.map((text) => pair(text, /^([^=\s]+)=(.*)$/s, "--env takes NAME=VALUE"));
	return { type: "stdio", cmd: command, ...(pairs.length > 0 ? { env: Object.fromEntries(pairs) } : {}) };
}

/** The value may be a secret, so it is not in the message. */
function pair(text: string, form: RegExp, complaint: string): [string, string] {
	const match = form.exec(text);
	if (match === null) throw usage(`${complaint}.`);
	return [match[1] ?? "", match[2] ?? ""];
}
