import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { eachInTurn, listProcesses, type Process, readProcess, readVariable, residentBytes } from "./process-table.ts";

/** The variable that every child gets, and hands down to what it starts. */
export const markVariable = "MCP_GATEWAY_PROCESS";

/** Looks take this share of a core at the most, however many children stop. */
const maxShare = 0.2;
const minPauseMs = 20;
/** Families whose memory has a bound are looked at this often. */
const memoryLookMs = 500;

/** A child and what descends from it, wherever that has gone. */
export interface Family {
	/**
	 * Process groups of family members, without the child's own. A member has the mark, a parent in the family or a
	 * session that the family opened. One that cleared its environment is thus found while its parent lives: it pays to
	 * ask before the child is stopped, too.
	 */
	strays(): Promise<readonly number[]>;
	/** Nobody will ask again. */
	close(): void;
}

/** A bound of the resident memory of a family together. */
export interface MemoryBound {
	readonly bytes: number;
	/** The family has been seen over it, maybe not for the first time. */
	onOver(): void;
}

interface Member {
	readonly pid: number;
	readonly memory: MemoryBound | undefined;
	/** Sessions that the family opened, with the start of their leaders: a number may be given away once all is gone. */
	sessions: Map<number, number | undefined>;
}

type Strays = ReadonlyMap<Member, ReadonlySet<number>>;

/** Finds the processes of a bridge's children that left their group. On Linux; elsewhere it finds none. */
export class Families {
	/** What all marks of this bridge begin with. */
	readonly prefix = randomUUID();
	readonly #members = new Map<string, Member>();
	/** What is older than the bridge is not its child's, and what is in its group would be the bridge itself. */
	readonly #self = readProcess(process.pid);
	#count = 0;
	#next: Promise<Strays> | undefined;
	#pause: Promise<unknown> = Promise.resolve();
	#watching = false;
	/** Processes without a mark, by their start: none of them gets one, since what a child starts begins with its mark. */
	#strangers = new Map<number, number>();

	/** The mark of a child that is about to start. */
	nextMark(): string {
		this.#count += 1;
		return `${this.prefix}.${this.#count}`;
	}

	add(pid: number, mark: string, memory?: MemoryBound): Family {
		const member: Member = { pid, memory, sessions: new Map([[pid, readProcess(pid)?.startTicks]]) };
		this.#members.set(mark, member);
		if (memory) this.#watchMemory();
		return {
			strays: async () => [...((await this.#look()).get(member) ?? [])],
			close: () => void this.#members.delete(mark),
		};
	}

	/** Until no family has a bound any more. */
	#watchMemory(): void {
		if (this.#watching) return;
		this.#watching = true;
		setTimeout(async () => {
			await this.#look();
			this.#watching = false;
			if ([...this.#members.values()].some(({ memory }) => memory)) this.#watchMemory();
		}, memoryLookMs).unref();
	}

	/** One pass over all processes for all who ask before it begins. */
	#look(): Promise<Strays> {
		this.#next ??= this.#pause.then(async () => {
			this.#next = undefined;
			const done = Promise.withResolvers<void>();
			this.#pause = done.promise;
			const begun = performance.now();
			const strays = await this.#pass();
			const pauseMs = Math.max(minPauseMs, (performance.now() - begun) * (1 / maxShare - 1));
			void sleep(pauseMs).then(done.resolve);
			return strays;
		});
		return this.#next;
	}

	async #pass(): Promise<Strays> {
		const processes = await listProcesses();
		const self = this.#self;
		const living = new Map(processes.map((one) => [one.pid, one]));
		const owners = new Map<Process, Member>();
		const byPid = new Map<number, Member>();
		const bySession = new Map<number, Member>();
		for (const member of this.#members.values()) {
			for (const [session, leaderStart] of member.sessions) {
				const leader = living.get(session);
				if (!leader || leader.startTicks === leaderStart) bySession.set(session, member);
			}
		}
		// 0 and 1 stand for other things than a group where a signal is sent.
		const left = new Set(
			processes.filter(
				({ startTicks, group, session }) =>
					self && startTicks >= self.startTicks && group !== self.group && group > 1 && session > 1,
			),
		);
		const take = (one: Process, member: Member) => {
			left.delete(one);
			owners.set(one, member);
			byPid.set(one.pid, member);
			// A copied mark may sit in a foreign session, a person's terminal for one: that has a leader of its own.
			if (one.session === one.pid || !living.has(one.session)) bySession.set(one.session, member);
		};
		const takeRelated = () => {
			for (let before = -1; before !== left.size; ) {
				before = left.size;
				for (const one of left) {
					const member = bySession.get(one.session) ?? byPid.get(one.parent);
					if (member) take(one, member);
				}
			}
		};
		takeRelated();
		const strangers = new Map<number, number>();
		await eachInTurn([...left], (one) => {
			const { pid, startTicks } = one;
			const mark = this.#strangers.get(pid) === startTicks ? "" : readVariable(pid, markVariable);
			if (mark === "") strangers.set(pid, startTicks);
			const member = mark && this.#members.get(mark);
			if (member) take(one, member);
		});
		this.#strangers = strangers;
		takeRelated();

		const strays = new Map<Member, Set<number>>();
		for (const member of this.#members.values()) {
			member.sessions = new Map([[member.pid, member.sessions.get(member.pid)]]);
			strays.set(member, new Set());
		}
		for (const [{ session, group }, member] of owners) {
			if (bySession.get(session) === member && session !== member.pid)
				member.sessions.set(session, living.get(session)?.startTicks);
			if (group !== member.pid) strays.get(member)?.add(group);
		}
		checkMemory(owners);
		return strays;
	}
}

function checkMemory(owners: ReadonlyMap<Process, Member>): void {
	const used = new Map<MemoryBound, number>();
	for (const [{ pid }, { memory }] of owners) {
		if (memory) used.set(memory, (used.get(memory) ?? 0) + residentBytes(pid));
	}
	for (const [memory, bytes] of used) if (bytes > memory.bytes) memory.onOver();
}
