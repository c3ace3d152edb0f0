/**
 * Which of the bridge's workers serve a stdio server. The control plane sends clients there and the bridge keeps warm
 * processes there, each by itself: so it depends on nothing but the entry and the number of workers. See ADR 23.
 */
import type { StdioServer } from "../registry/model.ts";

/**
 * Indexes of the workers that take new sessions and requests, from 0 to `workers` - 1, none twice, one at least.
 * Processes of `session` spread over all workers. A shared process is in one worker, so there are no more workers than
 * shared processes; without a mode that is the one process of 2026-07-28. Where they begin is told by the id.
 */
export function placement({ id, pool }: Pick<StdioServer, "id" | "pool">, workers: number): number[] {
	const { mode, maxShared } = pool;
	const wanted = mode === "session" ? workers : mode === "shared" ? Math.min(maxShared, workers) : 1;
	const first = hash(id) % workers;
	return Array.from({ length: wanted }, (_, index) => (first + index) % workers);
}

/**
 * This worker's part of a number of the server's processes that each worker keeps by itself (`min`, `maxShared`). Over
 * all workers the parts add up to `total`.
 */
export function share(
	total: number,
	server: Pick<StdioServer, "id" | "pool">,
	worker: { readonly index: number; readonly count: number },
): number {
	const placed = placement(server, worker.count);
	const place = placed.indexOf(worker.index);
	if (place === -1) return 0;
	return Math.floor(total / placed.length) + (place < total % placed.length ? 1 : 0);
}

/**
 * FNV-1a, 32 bits, folded since its lowest bits know of nothing but the lowest bits of the text. Ids are ASCII.
 * https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
 */
function hash(id: string): number {
	let value = 0x811c9dc5;
	for (const character of id) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
	return (value ^ (value >>> 16)) >>> 0;
}
