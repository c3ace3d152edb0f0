/** The value below which a share `q` (0 to 1) of the values lies; NaN where there is none. */
export function quantile(values: readonly number[], q: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** The middle value: what a disturbed round does not move. */
export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
	const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
	return (lower + upper) / 2;
}

/** Adds the counts of `more` to `counts`. */
export function addCounts(counts: Record<string, number>, more: Readonly<Record<string, number>>): void {
	for (const [key, count] of Object.entries(more)) counts[key] = (counts[key] ?? 0) + count;
}

/** `200: 12345, 404: 3`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
	const parts = Object.entries(counts).map(([key, count]) => `${key}: ${count}`);
	return parts.length === 0 ? "none" : parts.join(", ");
}
