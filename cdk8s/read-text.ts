import { readFileSync } from "node:fs";
import { InvalidProps } from "./installation/installation.ts";

/** A file's text; `what` it is, for people. @throws InvalidProps where it cannot be read */
export function readText(file: string, what: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch (error) {
		throw new InvalidProps(`${what} cannot be read: ${(error as Error).message}.`);
	}
}
