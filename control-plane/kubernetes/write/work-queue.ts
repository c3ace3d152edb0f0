/** Keys that wait to be worked on: each one by itself, several at a time, and a failing one holds up no other. */

export interface WorkQueueDeps {
	/** Works on a key. Resolves with the milliseconds after which it is to be asked again, or undefined. Never rejects. */
	readonly work: (key: string) => Promise<number | undefined>;
	/** Keys that are worked on at the same time. */
	readonly concurrency: number;
}

export interface WorkQueue {
	/**
	 * Has a key worked on, once more if it is being worked on. One that is to be asked again later stays so, unless it is
	 * urgent: what changed may be what it failed for.
	 */
	add(key: string, urgent?: boolean): void;
	/** Nothing is begun any more. Resolves when what was begun is done. */
	close(): Promise<void>;
}

export function createWorkQueue({ work, concurrency }: WorkQueueDeps): WorkQueue {
	/** Keys to be worked on, and whether one is urgent. */
	const waiting = new Map<string, boolean>();
	const later = new Map<string, NodeJS.Timeout>();
	const running = new Map<string, Promise<void>>();
	let closed = false;
	let scheduled = false;

	/** Not in the caller's turn: a change of the registry reaches Envoy before it reaches the cluster. */
	function schedule(): void {
		if (scheduled || closed) return;
		scheduled = true;
		setImmediate(() => {
			scheduled = false;
			begin();
		});
	}

	function begin(): void {
		for (const key of waiting.keys()) {
			if (closed || running.size >= concurrency) return;
			if (running.has(key)) continue;
			waiting.delete(key);
			running.set(key, run(key));
		}
	}

	async function run(key: string): Promise<void> {
		const again = await work(key);
		running.delete(key);
		if (again !== undefined && !closed && waiting.get(key) !== true) {
			waiting.delete(key);
			later.set(
				key,
				setTimeout(() => add(key, true), again),
			);
		}
		if (waiting.size > 0) schedule();
	}

	function add(key: string, urgent = false): void {
		if (closed) return;
		const timer = later.get(key);
		if (timer !== undefined) {
			if (!urgent) return;
			clearTimeout(timer);
			later.delete(key);
		}
		waiting.set(key, urgent || waiting.get(key) === true);
		schedule();
	}

	return {
		add,
		async close() {
			closed = true;
			for (const timer of later.values()) clearTimeout(timer);
			await Promise.all(running.values());
		},
	};
}
