/** Errors of a registry for people and for editors. */
import type { RegistryError } from "./model.ts";

/** One line for each error, `file:line:col: message`, without a newline at the end. */
export function formatErrors(errors: readonly RegistryError[]): string {
	return errors.map(({ file, line, col, message }) => `${file}:${line}:${col}: ${message}`).join("\n");
}
