/** A syntax tree with offsets that JSON and YAML files share; it exists to word faults, and to read YAML. */
import type { Path } from "./fault.ts";

export interface SyntaxEntry {
	readonly key: string;
	readonly keyOffset: number;
	readonly value: SyntaxNode;
}

export type SyntaxNode = {
	readonly offset: number;
	/** Nodes in it, itself included, with every YAML alias counted in full. */
	readonly size: number;
} & (
	| { readonly kind: "map"; readonly entries: readonly SyntaxEntry[] }
	| { readonly kind: "list"; readonly items: readonly SyntaxNode[] }
	| { readonly kind: "scalar"; readonly value: unknown }
);

/** A fault at a place in the text. */
export interface TextFault {
	readonly offset: number;
	readonly message: string;
	readonly pointer?: string;
}

/** Leaves one fault for each place: one slip makes a parser stumble more than once. */
export function firstAtEachPlace(faults: readonly TextFault[]): readonly TextFault[] {
	const first = new Map<number, TextFault>();
	for (const fault of faults) if (!first.has(fault.offset)) first.set(fault.offset, fault);
	return [...first.values()];
}

/** A text that cannot be read at all; thrown inside of the readers and caught by `read.ts`. */
export class SyntaxFault extends Error {
	readonly offset: number;
	constructor(offset: number, message: string) {
		super(message);
		this.offset = offset;
	}
}

/** A registry needs five levels; more than this is a mistake or an attack on recursive code. */
export const MAX_DEPTH = 100;
export const TOO_DEEP = `This is nested more than ${MAX_DEPTH} levels deep.`;
const PROTO = "`__proto__` cannot be a key. Choose another name.";

/** Why a value cannot stand in a registry, whatever the format; undefined where it can. */
export function valueProblem(value: unknown, depth = 1): string | undefined {
	if (typeof value !== "object" || value === null) return undefined;
	if (depth > MAX_DEPTH) return TOO_DEEP;
	for (const [key, inner] of Object.entries(value)) {
		const problem = key === "__proto__" ? PROTO : valueProblem(inner, depth + 1);
		if (problem !== undefined) return problem;
	}
	return undefined;
}

/** The plain value of a tree. `__proto__` keys are left out; `contentFaults` reports them. */
export function toValue(node: SyntaxNode): unknown {
	if (node.kind === "scalar") return node.value;
	if (node.kind === "list") return node.items.map(toValue);
	const value: Record<string, unknown> = {};
	for (const entry of node.entries) if (entry.key !== "__proto__") value[entry.key] = toValue(entry.value);
	return value;
}

/** A text that no UTF-8 can carry: Envoy would drop every message that it is in. */
const HALF = "This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.";

/**
 * Keys that occur twice in one map, `__proto__`, and halves of surrogate pairs, which only an escape can write. A node
 * that YAML aliases share is looked at once.
 */
export function contentFaults(root: SyntaxNode, lineOf: (offset: number) => number): readonly TextFault[] {
	const faults: TextFault[] = [];
	const visited = new Set<SyntaxNode>();
	const visit = (node: SyntaxNode) => {
		if (node.kind === "scalar") {
			if (typeof node.value === "string" && !node.value.isWellFormed())
				faults.push({ offset: node.offset, message: HALF });
			return;
		}
		if (visited.has(node)) return;
		visited.add(node);
		if (node.kind === "list") {
			for (const item of node.items) visit(item);
			return;
		}
		const seen = new Map<string, number>();
		for (const { key, keyOffset, value } of node.entries) {
			const first = seen.get(key);
			if (!key.isWellFormed()) faults.push({ offset: keyOffset, message: HALF });
			else if (key === "__proto__") faults.push({ offset: keyOffset, message: PROTO });
			else if (first === undefined) seen.set(key, keyOffset);
			else {
				const shown = /^[A-Za-z0-9_.$-]{1,64}$/.test(key) ? `\`${key}\`` : "This key";
				faults.push({
					offset: keyOffset,
					message: `${shown} is there already, on line ${lineOf(first)}. Remove or rename one of them.`,
				});
			}
			visit(value);
		}
	};
	visit(root);
	return faults;
}

/** The offset of the key or value at a path; where the path ends early, that of its last key that is there. */
export function locate(root: SyntaxNode, path: Path, at: "key" | "value"): number {
	let node = root;
	let keyOffset = root.offset;
	for (const part of path) {
		if (node.kind === "list" && typeof part === "number") {
			const item = node.items[part];
			if (item === undefined) return keyOffset;
			node = item;
			keyOffset = item.offset;
			continue;
		}
		const entry = node.kind === "map" ? node.entries.findLast(({ key }) => key === part) : undefined;
		if (entry === undefined) return keyOffset;
		node = entry.value;
		keyOffset = entry.keyOffset;
	}
	return at === "key" ? keyOffset : node.offset;
}
