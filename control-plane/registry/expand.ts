// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/**
 * Placeholders in a registry's texts: `${NAME}`, `${NAME:-default}`, `${env:NAME}`, `${file:/abs/path}`.
 *
 * A `$` is special only right before `{`: there `$$` stands for one `$`, so `$${NAME}` is the text `${NAME}` and
 * `$$${NAME}` is a `$` followed by the value. Every other `$` stands for itself, which keeps passwords and shell
 * snippets as they were written. A default is taken as it is, and so is a value: nothing is expanded twice.
 */
import { isAbsolute } from "node:path";
import type { Template } from "./model.ts";

/** Something outside of the registry that a template asks for. */
export type Placeholder =
	| { readonly kind: "env"; readonly name: string; readonly fallback?: string }
	| { readonly kind: "file"; readonly path: string }
	/** A placeholder of an editor (`${input:x}`, `${workspaceFolder}`) that a gateway has no answer to. */
	| { readonly kind: "editor"; readonly name: string; readonly problem: string };

type Token = { readonly kind: "text"; readonly text: string } | Placeholder;

export interface ExpandDeps {
	readonly env: Readonly<Record<string, string | undefined>>;
	/** Returns the file's text; throws if it cannot be read. */
	readonly readFile: (path: string) => string;
}

export type Expansion =
	| { readonly ok: true; readonly value: string }
	| { readonly ok: false; readonly problem: string };

const VARIABLE = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const EDITOR_NAMES = new Set(["workspaceFolder", "workspaceFolderBasename", "userHome", "pathSeparator", "/"]);
const EDITOR_SCHEMES = /^(input|command|config|workspaceFolder):([A-Za-z0-9_.-]*)$/;

function editorPlaceholder(body: string): Placeholder | undefined {
	const scheme = EDITOR_SCHEMES.exec(body);
	if (scheme === null && !EDITOR_NAMES.has(body)) return undefined;
	const name = `\${${body}}`;
	if (scheme?.[1] === "input") {
		return {
			kind: "editor",
			name,
			problem: `\`${name}\` asks a person, which a gateway cannot. Write \`\${NAME}\` and set that environment variable.`,
		};
	}
	const instead = body === "userHome" ? "`${HOME}`" : "the path itself or `${NAME}` with an environment variable";
	return { kind: "editor", name, problem: `\`${name}\` is known to editors only. Write ${instead}.` };
}

function placeholder(body: string): Placeholder | string {
	const editor = editorPlaceholder(body);
	if (editor !== undefined) return editor;
	const variable = VARIABLE.exec(body);
	if (variable !== null) {
		const [, name, fallback] = variable;
		return { kind: "env", name: name!, ...(fallback !== undefined && { fallback }) };
	}
	if (body.startsWith("file:")) {
		const path = body.slice("file:".length);
		if (isAbsolute(path) && !path.includes("\0")) return { kind: "file", path };
		return "holds a `${file:...}` without an absolute path. Write `${file:/path/of/the/file}`.";
	}
	// The body is not repeated: it may be a secret that was pasted between the braces.
	return "holds a placeholder that the gateway does not know. Write `${NAME}`, `${NAME:-default}` or `${file:/path}`, or `$${` for the characters `${` themselves.";
}

function tokenize(template: Template): readonly Token[] | string {
	const tokens: Token[] = [];
	let text = "";
	let from = 0;
	for (;;) {
		const brace = template.indexOf("${", from) + 1;
		if (brace === 0) break;
		let run = brace;
		while (run > from && template[run - 1] === "$") run--;
		const dollars = brace - run;
		text += template.slice(from, run) + "$".repeat(Math.floor(dollars / 2));
		if (dollars % 2 === 0) {
			text += "{";
			from = brace + 1;
			continue;
		}
		const end = template.indexOf("}", brace);
		if (end === -1) return "holds a `${` without its `}`. Close it, or write `$${` for the characters themselves.";
		const found = placeholder(template.slice(brace + 1, end));
		if (typeof found === "string") return found;
		if (text !== "") tokens.push({ kind: "text", text });
		text = "";
		tokens.push(found);
		from = end + 1;
	}
	text += template.slice(from);
	if (text !== "") tokens.push({ kind: "text", text });
	return tokens;
}

/** What is wrong with the way a template is written ("holds a ..."), or undefined. Never repeats the text. */
export function templateProblem(template: Template): string | undefined {
	if (!template.includes("${")) return undefined;
	const tokens = tokenize(template);
	return typeof tokens === "string" ? tokens : undefined;
}

/** The placeholders of a template in order; none if it is malformed. */
export function placeholders(template: Template): readonly Placeholder[] {
	const tokens = tokenize(template);
	return typeof tokens === "string" ? [] : tokens.filter((token) => token.kind !== "text");
}

/** The template with `mark` in each placeholder's place, or undefined if it is malformed. For checks of the rest. */
export function withoutPlaceholders(template: Template, mark: string): string | undefined {
	const tokens = tokenize(template);
	if (typeof tokens === "string") return undefined;
	return tokens.map((token) => (token.kind === "text" ? token.text : mark)).join("");
}

function errorCode(error: unknown): string {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "not readable";
}

function answer(token: Placeholder, { env, readFile }: ExpandDeps): Expansion {
	if (token.kind === "editor") return { ok: false, problem: token.problem };
	if (token.kind === "env") {
		// `Object.hasOwn`: a variable called `constructor` must not be found on the prototype.
		const value = Object.hasOwn(env, token.name) ? env[token.name] : undefined;
		// As in a shell, `:-` also covers a variable that is set to nothing.
		if (token.fallback !== undefined && (value === undefined || value === ""))
			return { ok: true, value: token.fallback };
		if (value !== undefined) return { ok: true, value };
		return {
			ok: false,
			problem: `The environment variable \`${token.name}\` is not set. Set it where the gateway is started, or write \`\${${token.name}:-default}\`.`,
		};
	}
	try {
		return { ok: true, value: readFile(token.path).replace(/\r?\n$/, "") };
	} catch (error) {
		return { ok: false, problem: `The file \`${token.path}\` cannot be read (${errorCode(error)}).` };
	}
}

/**
 * Puts the values of environment variables and files into a template. Pure but for `readFile`.
 * A problem names the variable or the file and what to do, never a value.
 */
export function expand(template: Template, deps: ExpandDeps): Expansion {
	if (!template.includes("${")) return { ok: true, value: template };
	const tokens = tokenize(template);
	if (typeof tokens === "string") return { ok: false, problem: `The text ${tokens}` };
	let value = "";
	for (const token of tokens) {
		if (token.kind === "text") {
			value += token.text;
			continue;
		}
		const part = answer(token, deps);
		if (!part.ok) return part;
		value += part.value;
	}
	return { ok: true, value };
}
