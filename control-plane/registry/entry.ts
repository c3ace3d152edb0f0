/** One entry of a registry: from the file's words to the model, or to its faults. */
import type { z } from "zod";
import { fromForeign, isMap, type Wrapper } from "./dialect.ts";
import { type Fault, faultsOf, type KnownKeys } from "./fault.ts";
import { valueKeys } from "./k8s-values.ts";
import { kindOf } from "./kind.ts";
import type { Server } from "./model.ts";
import { idProblem } from "./names.ts";
import { entryKeys, entrySchemas, type Kind } from "./schema.ts";

/** A server (undefined if the file has it switched off), or its faults with paths inside of the entry. */
export type EntryResult =
	| { readonly ok: true; readonly server: Server | undefined }
	| { readonly ok: false; readonly faults: readonly Fault[] };

const NESTED: Readonly<Record<string, readonly string[]>> = {
	"endpoints.*": ["url", "weight"],
	healthCheck: ["type", "path", "method", "interval", "timeout", "unhealthyThreshold", "healthyThreshold"],
	timeouts: ["connect", "request", "idle"],
	tls: ["caFile", "serverName", "insecureSkipVerify"],
	limits: ["memory", "processes", "cpuTime"],
	...valueKeys,
};

const knownKeys =
	(kind: Kind): KnownKeys =>
	(map) =>
		map === "" ? entryKeys[kind] : (NESTED[map] ?? NESTED[map.replace(/[^.]+$/, "*")] ?? []);

function serverOf(kind: Kind, id: string, raw: unknown): { server?: Server; issues: readonly z.core.$ZodIssue[] } {
	if (kind === "http") {
		const result = entrySchemas.http.safeParse(raw);
		return result.success ? { server: { ...result.data, id }, issues: [] } : { issues: result.error.issues };
	}
	if (kind === "stdio") {
		const result = entrySchemas.stdio.safeParse(raw);
		return result.success ? { server: { ...result.data, id }, issues: [] } : { issues: result.error.issues };
	}
	if (kind === "auto") {
		const result = entrySchemas.auto.safeParse(raw);
		if (!result.success) return { issues: result.error.issues };
		const { http, stdio } = result.data;
		const parts = { http: { ...http, id }, ...(stdio !== undefined && { stdio: { ...stdio, id } }) };
		return { server: { type: "auto", id, ...parts }, issues: [] };
	}
	const result = entrySchemas.k8s.safeParse(raw);
	return result.success ? { server: { ...result.data, id }, issues: [] } : { issues: result.error.issues };
}

/** Checks one entry and puts it into the model. Pure. */
export function parseEntry(id: string, value: unknown, wrapper: Wrapper): EntryResult {
	const faults: Fault[] = [];
	const problem = idProblem(id);
	if (problem !== undefined) faults.push({ path: [], at: "key", message: problem });
	if (!isMap(value)) {
		const message = "A server must be a map such as `{endpoint: http://host:8080/mcp}`.";
		return { ok: false, faults: [...faults, { path: [], at: "value", message }] };
	}
	const foreign = wrapper === undefined ? { raw: value, ignored: [] } : fromForeign(value);
	if (foreign === undefined) return faults.length === 0 ? { ok: true, server: undefined } : { ok: false, faults };
	const { kind, faults: combined } = kindOf(foreign.raw);
	faults.push(...combined);
	if (kind === undefined) return { ok: false, faults };
	const { server, issues } = serverOf(kind, id, foreign.raw);
	faults.push(...faultsOf(issues, foreign.raw, knownKeys(kind)));
	if (server === undefined || faults.length > 0) return { ok: false, faults };
	if (server.type === "k8s" || foreign.ignored.length === 0) return { ok: true, server };
	return { ok: true, server: { ...server, ignored: foreign.ignored } };
}
