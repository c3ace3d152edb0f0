// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** Checks of the URLs of a server's endpoints, before and after their placeholders are expanded. */
import { templateProblem, withoutPlaceholders } from "./expand.ts";
import type { Template } from "./model.ts";

const ABSOLUTE = "must be an absolute URL such as `http://host:8080/mcp`.";
const SCHEME = "must begin with `http://` or `https://`.";
const CREDENTIALS =
	"must not hold a user name or password. Put them into `headers`, for example `Authorization: Bearer ${TOKEN}`.";
const QUERY =
	"must not hold a query (`?`) or a fragment (`#`). Put keys into `headers`; a client's query is passed on.";
const CHARACTERS = "must not hold spaces, control characters or backslashes.";
const HOST_LENGTH = "must have a host of 253 characters at the most.";
const DOTS = "must not hold `.` or `..` as a part of its path.";

// In a template the mark stands for a placeholder; it can be in no valid URL.
const MARK = "\0";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const BAD_CHARACTERS = /[\u0001-\u0020\u007f\\]/;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function literalProblem(text: string): string | undefined {
	if (BAD_CHARACTERS.test(text)) return CHARACTERS;
	const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
	if (scheme !== undefined && !/^https?$/i.test(scheme)) return SCHEME;
	const authority = scheme === undefined ? "" : text.slice(scheme.length + 3).split(/[/?#]/, 1)[0]!;
	if (authority.includes("@")) return CREDENTIALS;
	if (/[?#]/.test(text)) return QUERY;
	const path = scheme === undefined ? text : text.slice(scheme.length + 3 + authority.length);
	return DOT_SEGMENT.test(path) ? DOTS : undefined;
}

/**
 * What is wrong with an endpoint's URL ("must ..."), or undefined. Of a URL with placeholders only what is written out
 * is checked: call this again with the expanded text. Never repeats the URL.
 */
export function urlProblem(url: Template): string | undefined {
	const malformed = templateProblem(url);
	if (malformed !== undefined) return malformed;
	if (url.includes(MARK)) return CHARACTERS;
	const literal = withoutPlaceholders(url, MARK) ?? url;
	const problem = literalProblem(literal);
	if (problem !== undefined) return problem;
	if (literal.includes(MARK)) {
		return literal.startsWith(MARK) || /^https?/i.test(literal) ? undefined : ABSOLUTE;
	}
	// The WHATWG parser repairs `http:host` and `http:///host`; here they are mistakes.
	if (!/^https?:\/\/[^/]/i.test(url)) return ABSOLUTE;
	const port = /^https?:\/\/[^/]*:(\d*)(?:\/|$)/i.exec(url)?.[1];
	if (port !== undefined && (port === "" || Number(port) < 1 || Number(port) > 65535))
		return "must have a port from 1 to 65535.";
	if (!URL.canParse(url)) return ABSOLUTE;
	// No longer name is in DNS (https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4), nor may SNI carry one.
	return new URL(url).hostname.length > 253 ? HOST_LENGTH : undefined;
}

/** A fault of one of several endpoints; `index` is its place in the list. */
export interface EndpointFault {
	readonly index: number;
	readonly message: string;
}

/**
 * What is wrong with a server's endpoints taken together: another scheme or path than the first one has, or the same
 * one twice. URLs with placeholders or faults of their own are left out.
 */
export function endpointFaults(urls: readonly Template[]): readonly EndpointFault[] {
	const faults: EndpointFault[] = [];
	const seen = new Map<string, number>();
	let first: { readonly url: URL; readonly index: number } | undefined;
	for (const [index, text] of urls.entries()) {
		if (text.includes("${") || !URL.canParse(text)) continue;
		const url = new URL(text);
		const twin = seen.get(url.href);
		if (twin !== undefined) {
			faults.push({ index, message: `is the same as \`endpoints[${twin}]\`. Write it once, with a \`weight\`.` });
			continue;
		}
		seen.set(url.href, index);
		first ??= { url, index };
		if (url.protocol !== first.url.protocol) {
			const message = `must have the scheme of \`endpoints[${first.index}]\`: replicas are all \`http:\` or all \`https:\`.`;
			faults.push({ index, message });
		}
		if (url.pathname !== first.url.pathname) {
			faults.push({ index, message: `must have the path of \`endpoints[${first.index}]\`: replicas share one path.` });
		}
	}
	return faults;
}
