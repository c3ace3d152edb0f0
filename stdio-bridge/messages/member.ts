import { OPEN_BRACE } from "./json.ts";
import { Members } from "./members.ts";
import type { Span } from "./message.ts";

export interface Member extends Span {
	/** Another one of this name follows it: parsers differ in which of them they take. */
	readonly twice: boolean;
}

/** The value of a member of an object within a message, as it is spelled; undefined where there is none. */
export function memberOf(bytes: Buffer, object: Span, name: string): Member | undefined {
	if (bytes[object.start] !== OPEN_BRACE) return undefined;
	const members = new Members(bytes, 1);
	members.read(object.start, [{ name, slot: 0 }], 0);
	const start = members.starts[0]!;
	return start === -1 ? undefined : { start, end: members.ends[0]!, twice: members.duplicate !== undefined };
}
