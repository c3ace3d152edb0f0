/** A histogram as JSON. */
export interface HistogramState {
	/** Values up to and including `le`, those of smaller bounds among them; `+Inf` is {@link count}. */
	readonly buckets: readonly { readonly le: number; readonly count: number }[];
	readonly sum: number;
	readonly count: number;
}

/** Counts values by size, as Prometheus wants it: https://prometheus.io/docs/concepts/metric_types/#histogram */
export class Histogram {
	readonly #bounds: readonly number[];
	readonly #counts: number[];
	#sum = 0;
	#count = 0;

	/** @param bounds Upper ends of the buckets, ascending. */
	constructor(bounds: readonly number[]) {
		this.#bounds = bounds;
		this.#counts = bounds.map(() => 0);
	}

	observe(value: number): void {
		this.#sum += value;
		this.#count++;
		for (const [index, le] of this.#bounds.entries()) {
			if (value <= le) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
		}
	}

	get state(): HistogramState {
		const buckets = this.#bounds.map((le, index) => ({ le, count: this.#counts[index] ?? 0 }));
		return { buckets, sum: this.#sum, count: this.#count };
	}
}
