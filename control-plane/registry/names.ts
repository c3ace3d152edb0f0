/** Names in a registry: of servers, headers and environment variables. */

/** Ids of servers are the first part of a path, so they need no escaping there. */
export const ID_PATTERN = /^[A-Za-z0-9._-]{1,128}$/;
const RESERVED_IDS = new Set([".", "..", ".well-known"]);

const HEADER_TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Not the registry's to set: they belong to one connection (RFC 9110, 7.6.1) or to the gateway. */
const REFUSED_HEADERS: Readonly<Record<string, string>> = {
	connection: "belongs to one connection; the gateway sets it.",
	"content-length": "is the length of each request's body; the gateway sets it.",
	host: "is not set here. Write `hostHeader: preserve` or `hostHeader: rewrite` beside `headers`.",
	"keep-alive": "belongs to one connection; the gateway sets it.",
	"mcp-session-id": "belongs to each session; the gateway sets it.",
	"proxy-authenticate": "belongs to one connection; the gateway sets it.",
	"proxy-authorization": "belongs to one connection; the gateway sets it.",
	"proxy-connection": "belongs to one connection; the gateway sets it.",
	te: "belongs to one connection; the gateway sets it.",
	trailer: "belongs to one connection; the gateway sets it.",
	"transfer-encoding": "belongs to one connection; the gateway sets it.",
	upgrade: "belongs to one connection; the gateway sets it.",
};

/** What is wrong with a server's id, or undefined. */
export function idProblem(id: string): string | undefined {
	if (id === "") return "A server's id must not be empty: it is the first part of the path.";
	if (RESERVED_IDS.has(id)) return `The id \`${id}\` is reserved. Choose another one.`;
	if (id.length > 128) return "A server's id must have 128 characters at the most.";
	if (ID_PATTERN.test(id)) return undefined;
	const better = id.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+|-+$/g, "");
	const rule = "A server's id may hold letters, digits, `.`, `_` and `-` only.";
	return ID_PATTERN.test(better) && !RESERVED_IDS.has(better) && better.length <= 64
		? `${rule} Write for example \`${better}\`.`
		: rule;
}

/** What is wrong with a header's name, or undefined. A name that is no token is not repeated: it may hold a value. */
export function headerNameProblem(name: string): string | undefined {
	if (name.startsWith(":")) return "A header's name must not begin with `:`; such names belong to HTTP/2 itself.";
	if (!HEADER_TOKEN.test(name))
		return "A header's name must be a word such as `Authorization`, without spaces, colon or value.";
	const lower = name.toLowerCase();
	const refused = Object.hasOwn(REFUSED_HEADERS, lower) ? REFUSED_HEADERS[lower] : undefined;
	return refused === undefined ? undefined : `The header \`${name}\` ${refused}`;
}

/** What is wrong with a header's value ("must ..."), or undefined. Use it again after expansion. */
export function headerValueProblem(value: string): string | undefined {
	// Envoy takes an empty one for a credential that is missing, and refuses the request.
	if (value === "") return "must not be empty. Fill it in, or leave the header out.";
	// Tab is the only control character a field value may hold: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
	return /[\u0000-\u0008\u000a-\u001f\u007f]/.test(value) ? "must be one line, without control characters." : undefined;
}

/** What is wrong with an environment variable's name, or undefined. */
export function envNameProblem(name: string): string | undefined {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
	return name === "" || /[=\s\u0000-\u001f\u007f]/.test(name)
		? "The name of an environment variable must not be empty nor hold `=` or spaces."
		: undefined;
}
