import type { ApiKey } from "../ir/model.ts";

/**
 * Reads an API key file: a line `NAME: KEY` each, `#` begins a comment.
 * @throws Error that names file and line, never a key.
 */
export function readApiKeys(text: string, file: string): ApiKey[] {
	const keys: ApiKey[] = [];
	for (const [index, line] of text.split("\n").entries()) {
		const trimmed = line.trim();
		if (trimmed === "" || trimmed.startsWith("#")) continue;
		const match = /^([A-Za-z0-9._-]+):\s*([\x21-\x7e]{16,})$/.exec(trimmed);
		const [, name, key] = match ?? [];
		if (name === undefined || key === undefined) {
			throw new Error(`${file}:${index + 1}: write NAME: KEY, with a key of at least 16 characters and no spaces`);
		}
		if (keys.some((other) => other.name === name || other.key === key)) {
			throw new Error(`${file}:${index + 1}: this name or key stands here twice`);
		}
		keys.push({ name, key });
	}
	if (keys.length === 0) throw new Error(`${file}: holds no key; write a line NAME: KEY for each`);
	return keys;
}
