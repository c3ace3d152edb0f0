/** The changes that the admin API makes to a registry's text. */
import { editServers, editValue, RegistryEditError, readEntries } from "../registry/edit.ts";
import type { RawEntry } from "../registry/kind.ts";
import { mergePatch } from "../registry/merge-patch.ts";
import type { RegistryParser } from "../registry/parse.ts";
import { isJson, isStrictJson, readText } from "../registry/read.ts";
import { scaleProblem } from "../registry/scale.ts";
import type { RegistryText } from "../sources/registry-writer.ts";
import { AdminError } from "./errors.ts";
import type { Body } from "./request.ts";

type Parse = RegistryParser["parse"];

/** Words of an edit that was refused, as an error of the API. */
function asAdminError(error: unknown): unknown {
	if (!(error instanceof RegistryEditError)) return error;
	if (error.reason === "absent") return new AdminError("unknown_server", error.message);
	return new AdminError("registry_faulty", error.message, { errors: error.errors });
}

function guarded(edit: () => string): string {
	try {
		return edit();
	} catch (error) {
		throw asAdminError(error);
	}
}

const isJsonName = (file: string) => /\.jsonc?$/i.test(file);

/**
 * The text that says what a body says. In the file's own language it is the body itself, byte for byte; else the file
 * keeps its language, and its comments where they still belong. @throws AdminError `registry_faulty`
 */
export function replaced(now: RegistryText, file: string, body: Body, parse: Parse): string {
	const name = isJsonName(file) === (body.language === "json") ? file : `body.${body.language}`;
	const parsed = parse(body.text, name);
	if (!parsed.ok) throw new AdminError("registry_faulty", undefined, { errors: parsed.errors });
	const asJson = now === undefined ? isJsonName(file) : isJson(now.text, file);
	const sameLanguage = asJson === (body.language === "json");
	// JSON that people have put comments into is edited, for the body cannot hold them.
	if (sameLanguage && (!asJson || now === undefined || isStrictJson(now.text))) return body.text;
	const read = readText(body.text, name, () => 1);
	const value = "fatal" in read ? {} : (read.value as RawEntry);
	return guarded(() => {
		try {
			return editValue(now?.text ?? "", file, value, parse);
		} catch (error) {
			// What cannot be read has nothing worth keeping, and putting a good registry in its place mends it.
			if (now === undefined || !(error instanceof RegistryEditError)) throw error;
			return editValue("", file, value, parse);
		}
	});
}

/** The text with a JSON Merge Patch applied to the map of its servers. @throws AdminError `registry_faulty` */
export function patched(now: RegistryText, file: string, patch: RawEntry, parse: Parse): string {
	const text = now?.text ?? "";
	return guarded(() => {
		const before = readEntries(text, file, Object.keys(patch));
		const entries = new Map<string, RawEntry | undefined>();
		for (const [id, part] of Object.entries(patch)) {
			const was = before.get(id);
			if (part !== null) entries.set(id, mergePatch(was, part) as RawEntry);
			else if (was !== undefined) entries.set(id, undefined);
		}
		return entries.size === 0 ? text : editServers(text, file, entries, parse);
	});
}

/** The text with one server's entry put or removed (undefined). @throws AdminError `registry_faulty`, `unknown_server` */
export function withEntry(
	now: RegistryText,
	file: string,
	id: string,
	entry: RawEntry | undefined,
	parse: Parse,
): string {
	return guarded(() => editServers(now?.text ?? "", file, new Map([[id, entry]]), parse));
}

/** The text with a JSON Merge Patch applied to one server's entry. @throws AdminError as {@link withEntry} */
export function withPatchedEntry(now: RegistryText, file: string, id: string, patch: RawEntry, parse: Parse): string {
	return guarded(() => {
		const text = now?.text ?? "";
		const was = readEntries(text, file, [id]).get(id);
		if (was === undefined) throw new AdminError("unknown_server");
		return editServers(text, file, new Map([[id, mergePatch(was, patch) as RawEntry]]), parse);
	});
}

/** The text with the replicas of one server on Kubernetes. @throws AdminError as {@link withEntry}, and `not_scalable` */
export function withReplicas(now: RegistryText, file: string, id: string, replicas: number, parse: Parse): string {
	const parsed = parse(now?.text ?? "", file);
	const server = parsed.ok ? parsed.registry.servers.get(id) : undefined;
	const problem = server === undefined ? undefined : scaleProblem(server);
	if (problem !== undefined) throw new AdminError("not_scalable", `${problem} Nothing was changed.`);
	return withPatchedEntry(now, file, id, { replicas }, parse);
}
