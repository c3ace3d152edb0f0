/** Runs something whenever it is asked for, but not more often than a gap allows. */
export interface Pace {
	/** At once (after what runs now), or at the end of the gap if that is not over; once, however often it is asked for. */
	run(): void;
	close(): void;
}

/** @param gapMs From the end of a run to the beginning of the next. */
export function createPace(work: () => void, gapMs: () => number): Pace {
	let due: NodeJS.Timeout | undefined;
	let asked = false;
	let closed = false;
	let over = Number.NEGATIVE_INFINITY;

	function go(): void {
		due = undefined;
		asked = false;
		if (closed) return;
		work();
		over = performance.now();
	}

	return {
		run() {
			if (asked || closed) return;
			asked = true;
			const wait = over + gapMs() - performance.now();
			// Events that came in one piece are one change.
			if (wait <= 0) queueMicrotask(go);
			else due = setTimeout(go, wait);
		},
		close() {
			closed = true;
			clearTimeout(due);
		},
	};
}
