/** How long the work on a server waits after it failed. */

const waits = {
	outdated: { first: 200, most: 60_000 },
	busy: { first: 1000, most: 60_000 },
	// A person who repairs it shall not wait long to see that it works.
	refused: { first: 1000, most: 20_000 },
} as const;

/**
 * Milliseconds to wait, doubled with each failure, and half of it by chance.
 * @param count Failures in a row, from 1 on.
 */
export function backOffMs(failure: keyof typeof waits, count: number): number {
	const { first, most } = waits[failure];
	return Math.min(most, first * 2 ** (count - 1)) * (0.5 + Math.random() / 2);
}
