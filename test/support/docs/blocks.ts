/**
 * The fenced blocks of README.md and the documentation, with what a comment directly above each says about it:
 *
 * - `<!-- run: local -->`, `local background`, `cluster`, `docker` or `checkout`: where the commands of a block `sh` are run
 * - `<!-- file: NAME -->`: the block is written to that file before the next ones run
 * - `<!-- registry -->`: the block is a registry; `<!-- values -->`: values of `charts/mcp-gateway`
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../process.ts";

export const places = ["local", "local background", "cluster", "docker", "checkout"] as const;

/** Where the commands of a block are run. `local background`: they go on until the page's end. */
export type Place = (typeof places)[number];

export type Mark =
	| { readonly kind: "run"; readonly place: Place }
	| { readonly kind: "file"; readonly name: string }
	| { readonly kind: "registry" }
	| { readonly kind: "values" };

export interface Block {
	/** Path of the page, from the repository's root. */
	readonly page: string;
	/** Of the opening fence, from 1 on. */
	readonly line: number;
	readonly language: string;
	readonly text: string;
	readonly mark?: Mark;
}

const FENCE = /^( *)(`{3,}|~{3,})\s*([^\s`]*)/;
const MARK = /^ *<!-- *(run|file|registry|values)\b(.*?)-->$/;

/** README.md and the pages under `docs/`, but for decisions: those tell what was, and no reader follows them. */
export function docPages(root = ROOT): string[] {
	const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
	const found = pages.filter((name) => name.endsWith(".md") && !name.startsWith("adr/"));
	return ["README.md", ...found.map((name) => `docs/${name}`).sort()];
}

/** All blocks of a page, in its order. */
export function blocksOf(page: string, root = ROOT): Block[] {
	return readBlocks(readFileSync(join(root, page), "utf8"), relative(root, join(root, page)));
}

/**
 * @throws Error, which names the line, for a comment that is one of ours and cannot be, for one without a block below it,
 *   and for a block that is indented or has no end.
 */
export function readBlocks(text: string, page: string): Block[] {
	const blocks: Block[] = [];
	const lines = text.split("\n");
	for (let at = 0; at < lines.length; at++) {
		const where = `${page}:${at + 1}`;
		const [, indent = "", fence = "", language = ""] = FENCE.exec(lines[at] ?? "") ?? [];
		if (MARK.test(lines[at] ?? "") && !FENCE.test(lines[at + 1] ?? "")) {
			throw new Error(`${where}: this comment is not directly above a fenced block`);
		}
		if (fence === "") continue;
		if (indent !== "") throw new Error(`${where}: the site's Markdown takes no block that is indented`);
		const end = lines.findIndex((line, index) => index > at && line.trimEnd() === fence);
		if (end === -1) throw new Error(`${where}: this block has no end`);
		const mark = markOf(lines[at - 1] ?? "", `${page}:${at}`);
		blocks.push({
			page,
			line: at + 1,
			language,
			text: lines.slice(at + 1, end).join("\n"),
			...(mark !== undefined && { mark }),
		});
		at = end;
	}
	return blocks;
}

function markOf(line: string, where: string): Mark | undefined {
	const [, kind, rest = ""] = MARK.exec(line) ?? [];
	if (kind === undefined) return undefined;
	const value = /^: *(.*?) *$/.exec(rest)?.[1] ?? "";
	if (kind === "run") {
		const place = places.find((one) => one === value);
		if (place === undefined) throw new Error(`${where}: commands run ${places.join(", ")}, not "${value}"`);
		return { kind, place };
	}
	if (kind === "file") {
		// Into the page's folder, and nowhere else.
		if (!/^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/.test(value)) throw new Error(`${where}: "${value}" is no file's name`);
		return { kind, name: value };
	}
	if (rest.trim() !== "") throw new Error(`${where}: "${rest.trim()}" after ${kind} means nothing`);
	return kind === "registry" ? { kind } : { kind: "values" };
}

/** The commands of a block, without comments and with lines that go on put together. */
export function commandsOf({ text }: Block): string[] {
	const lines = text.replace(/\\\n\s*/g, "").split("\n");
	return lines.map((line) => line.replace(/(^|\s)#.*$/, "").trim()).filter((line) => line !== "");
}
