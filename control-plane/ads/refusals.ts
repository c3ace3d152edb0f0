/** What Envoy refused of a resource, in Envoy's own words. */
export interface Refusal {
	/** The version refused; undefined: its removal. */
	readonly version: string | undefined;
	readonly message: string;
	/** When this version was refused first, ms since the epoch. */
	readonly since: number;
	/** How often it was sent and refused. */
	readonly attempts: number;
	/** Not sent again before this moment, whatever happens. */
	readonly retryAt: number;
	/** The snapshot that it was sent from. */
	readonly serial: number;
}

/** Wait after the first refusal; doubled with each further one. */
export const firstRetryMs = 1000;
export const lastRetryMs = 5 * 60_000;

/** The refusal of a version that may have been refused before. */
export function refusalOf(
	before: Refusal | undefined,
	{ version, message, now, serial }: { version: string | undefined; message: string; now: number; serial: number },
): Refusal {
	const again = before !== undefined && before.version === version;
	const attempts = again ? before.attempts + 1 : 1;
	const wait = Math.min(firstRetryMs * 2 ** (attempts - 1), lastRetryMs);
	return { version, message, serial, attempts, since: again ? before.since : now, retryAt: now + wait };
}

/**
 * When a refused resource may be sent again though it has not changed; undefined: not before something else has. A
 * removal is tried for ever: what nobody wants must go. Whatever the resource may depend on is part of the snapshot.
 */
export function mayRetryAt(refusal: Refusal, serial: number, ofMachine: boolean): number | undefined {
	const mayHaveCured = refusal.version === undefined || refusal.serial !== serial || ofMachine;
	return mayHaveCured ? refusal.retryAt : undefined;
}

/** Whether Envoy took all of a response but what its refusal names; otherwise it took nothing of it. */
export function isPartial(message: string): boolean {
	return /^Error adding\/updating (?:cluster|listener)\(s\)/.test(message);
}

/** Whether the message names the resource as a whole word: `mcp/a` is not named by `mcp/a.b` nor by `mcp/ab`. */
export function mentions(message: string, name: string): boolean {
	for (let from = message.indexOf(name); from !== -1; from = message.indexOf(name, from + 1)) {
		const around = `${message[from - 1] ?? " "}${message[from + name.length] ?? " "}`;
		if (!/[A-Za-z0-9_./-]/.test(around)) return true;
	}
	return false;
}
