import type { SlotBounds } from "../pool/contract.ts";

/** What the ledger tells a worker. Tickets are the worker's own numbers. */
export type LedgerAnswer =
	| { readonly event: "slot-granted"; readonly ticket: number }
	| { readonly event: "slot-refused"; readonly ticket: number; readonly why: "full" | "late" }
	/** So many wait for a slot of this key, of which the worker holds one. */
	| { readonly event: "slots-wanted"; readonly key: string; readonly waiting: number }
	/** A slot of this key is free, which was refused to the worker when it did not want to wait. */
	| { readonly event: "slots-free"; readonly key: string };

/** One that holds slots: a worker, for as long as it lives. */
export interface Owner {
	tell(answer: LedgerAnswer): void;
}

interface Ticket {
	readonly owner: Owner;
	readonly number: number;
	readonly account: Account;
	deadline: NodeJS.Timeout | undefined;
}

/** Slots of one key; there as long as one is held, since nobody waits otherwise. */
interface Account {
	readonly key: string;
	max: number;
	readonly held: Set<Ticket>;
	/** In the order of their coming. */
	readonly queue: Set<Ticket>;
	/** Those that were refused and did not want to wait. */
	readonly declined: Set<Owner>;
}

/**
 * Who holds how many slots, and who waits: the one place that knows it for all workers. It lives as long as they do,
 * so nothing is kept beyond it, and what a worker holds ends with the worker.
 */
export class Ledger {
	readonly #accounts = new Map<string, Account>();
	readonly #tickets = new Map<Owner, Map<number, Ticket>>();

	/** Asks for a slot. The answer is `slot-granted` or `slot-refused`, at once or once the ticket's turn has come. */
	acquire(owner: Owner, number: number, key: string, { max, maxQueue, queueTimeoutMs }: SlotBounds): void {
		const account = this.#accounts.get(key) ?? { key, max, held: new Set(), queue: new Set(), declined: new Set() };
		account.max = max;
		const ticket: Ticket = { owner, number, account, deadline: undefined };
		const isFree = account.held.size < max && account.queue.size === 0;
		if (!isFree && account.queue.size >= maxQueue) {
			if (maxQueue === 0) account.declined.add(owner);
			refuse(ticket, "full");
			return;
		}
		this.#accounts.set(key, account);
		const own = this.#tickets.get(owner) ?? new Map<number, Ticket>();
		this.#tickets.set(owner, own.set(number, ticket));
		if (isFree) {
			grant(ticket);
			return;
		}
		account.queue.add(ticket);
		if (queueTimeoutMs > 0) {
			ticket.deadline = setTimeout(() => {
				this.#remove(ticket);
				refuse(ticket, "late");
			}, queueTimeoutMs);
		}
		tellWanted(account);
	}

	/** Gives a slot back, or a place in the queue up; which of them it was, the worker may not know yet. */
	giveBack(owner: Owner, number: number): void {
		const ticket = this.#tickets.get(owner)?.get(number);
		if (ticket !== undefined) this.#remove(ticket);
	}

	/** Gives back all that a worker had, since it is gone. */
	drop(owner: Owner): void {
		for (const ticket of this.#tickets.get(owner)?.values() ?? []) this.#remove(ticket);
	}

	#remove(ticket: Ticket): void {
		const { owner, number, account } = ticket;
		clearTimeout(ticket.deadline);
		const own = this.#tickets.get(owner);
		own?.delete(number);
		if (own?.size === 0) this.#tickets.delete(owner);
		const waited = account.queue.delete(ticket);
		account.held.delete(ticket);
		const served = serve(account);
		if (account.held.size === 0) this.#accounts.delete(account.key);
		else if (waited || served) tellWanted(account);
		if (account.held.size < account.max) tellFree(account);
	}
}

/** Gives free slots to those that wait. */
function serve(account: Account): boolean {
	let served = false;
	for (const next of account.queue) {
		if (account.held.size >= account.max) break;
		account.queue.delete(next);
		clearTimeout(next.deadline);
		grant(next);
		served = true;
	}
	return served;
}

function grant(ticket: Ticket): void {
	ticket.account.held.add(ticket);
	ticket.owner.tell({ event: "slot-granted", ticket: ticket.number });
}

function refuse({ owner, number }: Ticket, why: "full" | "late"): void {
	owner.tell({ event: "slot-refused", ticket: number, why });
}

/** Those that hold slots may have a process that nobody uses. */
function tellWanted({ key, held, queue }: Account): void {
	const holders = new Set([...held].map(({ owner }) => owner));
	for (const holder of holders) holder.tell({ event: "slots-wanted", key, waiting: queue.size });
}

function tellFree({ key, declined }: Account): void {
	for (const owner of declined) owner.tell({ event: "slots-free", key });
	declined.clear();
}
