/** Which of several control planes writes: the holder of a Lease, as in client-go's leader election. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Logger } from "pino";
import { ApiFault, type ApiRequest } from "../api-server.ts";
import type { Condition } from "../contract.ts";
import { conditionOf, nameClash } from "./conditions.ts";
import {
	holderOf,
	isCleanup,
	isOurLease,
	type LeaseObject,
	leaseFor,
	leaseGivenBack,
	leaseKind,
	leaseName,
	leasesPath,
} from "./lease-object.ts";

/**
 * Others wait `durationMs` from when they last saw the Lease change, by their own clocks; its holder stops `stopMs` after
 * it began its last good renewal, so always before they begin. Milliseconds.
 */
export interface LeaseTimes {
	readonly renewMs: number;
	readonly stopMs: number;
	readonly durationMs: number;
	/** Who waits looks so often; so does the holder after a renewal that failed. */
	readonly lookMs: number;
}

const defaultTimes: LeaseTimes = { renewMs: 5000, stopMs: 10_000, durationMs: 15_000, lookMs: 2000 };

/** So long the end of the process may take for it. */
const CLOSE_MS = 2000;

export interface LeaseDeps {
	readonly request: ApiRequest;
	readonly namespace: string;
	/** Value of the owner label; the Lease is named by it. */
	readonly gatewayName: string;
	readonly log: Logger;
	/** Whether this process may write has changed, or what keeps it from it. */
	readonly onChange: () => void;
	readonly times?: LeaseTimes;
	readonly identity?: string;
}

export interface Lease {
	/** This process may write now. */
	readonly held: boolean;
	/** Aborted when the Lease is lost; another one each time it is gained. */
	readonly signal: AbortSignal;
	readonly identity: string;
	/** Who was last seen to hold it. */
	readonly holder: string | undefined;
	/** Why this process can neither hold it nor tell who does. */
	readonly problem: Condition | undefined;
	/** `mcp-gateway cleanup` was seen at work, and nobody has written since: this process does not either. */
	readonly retired: boolean;
	/** Writes again after a cleanup. */
	resume(): void;
	/** Gives the Lease back, so that another one takes over at its next look. */
	close(): Promise<void>;
}

/** Begins to ask for the Lease. */
export function startLease(deps: LeaseDeps): Lease {
	const { request, namespace, gatewayName, log, onChange, times = defaultTimes } = deps;
	const identity = deps.identity ?? newIdentity();
	const name = leaseName(gatewayName);
	const path = `${leasesPath(namespace)}/${name}`;
	let term = AbortSignal.abort();
	let endTerm = () => {};
	/** Until then (of the monotonic clock) this process may write. */
	let heldUntil = 0;
	let expiry: NodeJS.Timeout | undefined;
	/** The Lease as it was when it was last seen to change, and when that was. */
	let seen: { readonly lease: LeaseObject; readonly at: number } | undefined;
	/** `seen` may be renewed without another look. */
	let fresh = false;
	let problem: Condition | undefined;
	let retired = false;
	let closed = false;
	let timer: NodeJS.Timeout | undefined;
	let looking: Promise<void> | undefined;

	const held = () => performance.now() < heldUntil;

	function gain(startedAt: number): void {
		heldUntil = startedAt + times.stopMs;
		clearTimeout(expiry);
		expiry = setTimeout(() => lose("it could not be renewed"), Math.max(0, heldUntil - performance.now()));
		if (!term.aborted) return;
		const controller = new AbortController();
		term = controller.signal;
		endTerm = () => controller.abort();
		log.info({ event: "lease_gained", identity }, "this control plane writes to the cluster");
		onChange();
	}

	function lose(why: string): void {
		clearTimeout(expiry);
		heldUntil = 0;
		if (term.aborted) return;
		endTerm();
		log.info({ event: "lease_lost", identity }, `this control plane no longer writes to the cluster: ${why}`);
		onChange();
	}

	function note(lease: LeaseObject): void {
		const same = seen?.lease.metadata?.resourceVersion === lease.metadata?.resourceVersion;
		if (seen === undefined || !same) seen = { lease, at: performance.now() };
	}

	/** By the time that has passed here since it last changed: the holder's clock may say anything. */
	const expired = () =>
		seen !== undefined && performance.now() - seen.at > (seen.lease.spec?.leaseDurationSeconds ?? 0) * 1000;

	/** One look at the Lease, and a write where it is ours to take. Resolves with the time until the next one. */
	async function look(): Promise<number> {
		const startedAt = performance.now();
		const signal = AbortSignal.timeout(times.renewMs);
		try {
			const before = fresh && held() ? seen?.lease : await read(signal);
			if (before !== undefined) note(before);
			if (!mayTake(before)) return times.lookMs;
			const body = leaseFor({ before, namespace, gatewayName, identity, durationMs: times.durationMs });
			const [method, to] = before === undefined ? (["POST", leasesPath(namespace)] as const) : (["PUT", path] as const);
			note((await request(method, to, { body, signal })) as LeaseObject);
			fresh = true;
			retired = false;
			gain(startedAt);
			setProblem(undefined);
			return times.renewMs;
		} catch (error) {
			fresh = false;
			// Written by another one, or by us without an answer. Which one is seen at once; until then it is held.
			if (error instanceof ApiFault && error.status === 409) return 0;
			setProblem(conditionOf(error, { object: `Lease ${name}`, namespace, verb: "update", ...leaseKind }));
			return times.lookMs;
		}
	}

	function mayTake(lease: LeaseObject | undefined): boolean {
		if (closed) return false;
		if (lease === undefined) {
			if (retired) setProblem(undefined);
			return !retired;
		}
		if (!isOurLease(lease, gatewayName)) {
			lose("its Lease is another's");
			setProblem(nameClash({ object: `Lease ${name}`, namespace }));
			return false;
		}
		const holder = holderOf(lease);
		if (holder === undefined || holder === identity || expired()) return !retired || holder !== undefined;
		const before = retired;
		retired = isCleanup(holder);
		lose(retired ? "`mcp-gateway cleanup` removes what it made" : `${holder} does`);
		setProblem(undefined);
		if (retired !== before) onChange();
		return false;
	}

	async function read(signal: AbortSignal): Promise<LeaseObject | undefined> {
		try {
			return (await request("GET", path, { signal })) as LeaseObject;
		} catch (error) {
			if (error instanceof ApiFault && error.status === 404) return undefined;
			throw error;
		}
	}

	function setProblem(now: Condition | undefined): void {
		if (now?.message === problem?.message) return;
		problem = now;
		if (now !== undefined) log.warn({ event: "lease_problem", reason: now.reason }, now.message);
		onChange();
	}

	function tick(): void {
		looking = look().then((ms) => {
			looking = undefined;
			// At random, so that those who wait do not look all at once.
			if (!closed) timer = setTimeout(tick, ms === times.lookMs ? ms * (0.8 + Math.random() * 0.4) : ms);
		});
	}
	tick();

	return {
		get held() {
			return held();
		},
		get signal() {
			return term;
		},
		identity,
		get holder() {
			return seen === undefined ? undefined : holderOf(seen.lease);
		},
		get problem() {
			return problem;
		},
		get retired() {
			return retired;
		},
		resume() {
			retired = false;
		},
		async close() {
			closed = true;
			clearTimeout(timer);
			const limit = AbortSignal.timeout(CLOSE_MS);
			await Promise.race([looking, new Promise((resolve) => limit.addEventListener("abort", resolve))]);
			const mine = held() ? seen?.lease : undefined;
			lose("it ends");
			if (mine === undefined) return;
			// Where this fails it only takes longer until another one has it.
			await request("PUT", path, { body: leaseGivenBack(mine), signal: limit }).catch(() => {});
		},
	};
}

/** Whose it is: this process of this machine, and no other one of the same number. */
export function newIdentity(): string {
	return `${hostname()}_${process.pid}_${randomBytes(4).toString("hex")}`;
}
