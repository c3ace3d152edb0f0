/** Which kind of server an entry is, told by its `type` or by its keys, and the faults of keys taken together. */
import { type Fault, MERGE_KEY } from "./fault.ts";
import { entryKeys, type Kind } from "./schema.ts";
import { didYouMean, suggest } from "./suggest.ts";

/** An entry as the file has it. */
export type RawEntry = Readonly<Record<string, unknown>>;

/** What `type` can say. */
type NamedKind = Exclude<Kind, "auto">;

const TYPES: Readonly<Record<string, NamedKind>> = {
	http: "http",
	"streamable-http": "http",
	sse: "http",
	stdio: "stdio",
	k8s: "k8s",
};

/** The keys that say where a server is; an entry has one of them, or without a type an endpoint and a command. */
const PLACE: Readonly<Record<string, NamedKind>> = {
	endpoint: "http",
	endpoints: "http",
	url: "http",
	cmd: "stdio",
	command: "stdio",
	chart: "k8s",
	image: "k8s",
};
const PLACE_OF: Readonly<Record<NamedKind, string>> = {
	http: "`endpoint: http://host:8080/mcp`",
	stdio: '`cmd: ["program", "argument"]`',
	k8s: "`chart: name`",
};
/** A Kubernetes server may have both: an image instead of its chart's. */
const TOGETHER = new Set(["chart", "image"]);
const ALL_KEYS = [...new Set(Object.values(entryKeys).flat())];

const TYPE_RULE = "`type` must be `http`, `stdio` or `k8s`.";

function typeFault(type: unknown): Fault {
	const hint = typeof type === "string" ? didYouMean(type, Object.keys(TYPES)) : "";
	return { path: ["type"], at: "value", message: TYPE_RULE + hint };
}

const isHttps = (url: unknown) => typeof url === "string" && /^(?:https:|\$\{)/i.test(url);

function usesHttps(raw: RawEntry): boolean {
	const list = Array.isArray(raw["endpoints"]) ? raw["endpoints"] : [raw["endpoint"] ?? raw["url"]];
	return list.some(
		(one) => isHttps(one) || (typeof one === "object" && one !== null && isHttps(Reflect.get(one, "url"))),
	);
}

/** Faults of the keys of an entry of this kind against each other; each key by itself is the schema's matter. */
function combinationFaults(kind: NamedKind, raw: RawEntry, places: readonly string[]): Fault[] {
	const faults: Fault[] = [];
	const [first, ...others] = places.filter((key) => PLACE[key] === kind);
	for (const key of others) {
		if (TOGETHER.has(key)) continue;
		faults.push({
			path: [key],
			at: "key",
			message: `\`${key}\` and \`${first}\` say the same thing. Keep one of them.`,
		});
	}
	if (kind === "stdio" && Object.hasOwn(raw, "args") && !Object.hasOwn(raw, "command")) {
		const message = "`args` goes with `command`; with `cmd` the arguments are part of its list.";
		faults.push({ path: ["args"], at: "key", message });
	}
	if (kind === "http" && first !== undefined && Object.hasOwn(raw, "tls") && !usesHttps(raw)) {
		const message = "`tls` needs `https:` endpoints; these are not.";
		faults.push({ path: ["tls"], at: "key", message });
	}
	const speaks = raw["type"] === "streamable-http" || raw["type"] === "sse" ? raw["type"] : undefined;
	if (speaks !== undefined && Object.hasOwn(raw, "transport") && raw["transport"] !== speaks) {
		const message = `\`type\` says \`${speaks}\`, so \`transport\` must say the same. Remove one of them.`;
		faults.push({ path: ["transport"], at: "key", message });
	}
	return faults;
}

function noPlace(raw: RawEntry, kind: NamedKind | undefined): Fault[] {
	if (Object.hasOwn(raw, "<<")) return [{ path: ["<<"], at: "key", message: MERGE_KEY }];
	// A mistyped key tells more than "nothing is here".
	const near = kind === undefined ? ALL_KEYS : entryKeys[kind];
	const mistyped = Object.keys(raw).filter(
		(key) => !ALL_KEYS.includes(key) && Object.hasOwn(PLACE, suggest(key, near) ?? ""),
	);
	if (mistyped.length > 0) {
		if (kind !== undefined) return [];
		return mistyped.map((key): Fault => {
			return { path: [key], at: "key", message: `Unknown key \`${key}\`.${didYouMean(key, ALL_KEYS)}` };
		});
	}
	const message =
		kind === undefined
			? `This entry does not say where its server is. Write ${PLACE_OF.http}, ${PLACE_OF.stdio} or ${PLACE_OF.k8s}.`
			: `This \`${kind}\` entry does not say where its server is. Write ${PLACE_OF[kind]}.`;
	return kind === "k8s" ? [] : [{ path: [], at: "key", message }];
}

/**
 * Finds an entry's kind. The kind is undefined where it cannot be told; then `faults` say why. With a kind, `faults`
 * are those of its keys taken together.
 */
export function kindOf(raw: RawEntry): { readonly kind: Kind | undefined; readonly faults: readonly Fault[] } {
	const all = Object.keys(raw).filter((key) => Object.hasOwn(PLACE, key));
	// A container has a command too.
	const places = all.some((key) => TOGETHER.has(key)) ? all.filter((key) => key !== "command") : all;
	if (Object.hasOwn(raw, "type")) {
		const type = raw["type"];
		const kind = typeof type === "string" && Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
		if (kind === undefined) return { kind, faults: [typeFault(type)] };
		const strange = Object.keys(raw).filter((key) => !entryKeys[kind].includes(key) && ALL_KEYS.includes(key));
		if (strange.length > 0) {
			return {
				kind: undefined,
				faults: strange.map((key): Fault => {
					const owner = entryKeys.http.includes(key) ? "http" : entryKeys.stdio.includes(key) ? "stdio" : "k8s";
					const message = `\`${key}\` is a key of \`${owner}\` servers, but \`type\` says \`${kind}\`. Remove one of them.`;
					return { path: [key], at: "key", message };
				}),
			};
		}
		if (places.length === 0) return { kind, faults: noPlace(raw, kind) };
		return { kind, faults: combinationFaults(kind, raw, places) };
	}
	const [first, ...others] = places;
	if (first === undefined) return { kind: undefined, faults: noPlace(raw, undefined) };
	const kind = PLACE[first]!;
	// `transport` says as much as a type would: there is nothing left to find out.
	const told = Object.hasOwn(raw, "transport");
	// An endpoint and a command: the command serves where the endpoint turns out not to.
	const either = !told && ["http", "stdio"].every((one) => places.some((key) => PLACE[key] === one));
	const parts = either ? (["http", "stdio"] as const) : [kind];
	const takes = parts.flatMap((part) => entryKeys[part]);
	const strange = Object.keys(raw).filter((key) => !takes.includes(key) && ALL_KEYS.includes(key));
	if (strange.length > 0) {
		const mixed = others.find((key) => !parts.some((part) => PLACE[key] === part)) ?? strange[0]!;
		const message = `\`${first}\` makes this a server of type \`${kind}\`, which has no \`${mixed}\`. Remove one of them.`;
		return { kind: undefined, faults: [{ path: [mixed], at: "key", message }] };
	}
	const faults = parts.flatMap((part) => combinationFaults(part, raw, places));
	return { kind: either || (kind === "http" && !told) ? "auto" : kind, faults };
}
