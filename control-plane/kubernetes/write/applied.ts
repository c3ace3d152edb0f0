/** What the API server made of our last applies; without it nothing is lost but one more apply of an object. */
import type { V1Deployment } from "@kubernetes/client-node";
import type { OwnedObject } from "../contract.ts";
import { type ObjectRef, refText } from "./object-ref.ts";
import { appliedHash, type Settled, settledTexts } from "./plan.ts";

/**
 * Applies of the same words in this time are counted, the first one of an object included: whoever changes an object back
 * each time, or removes it, shall not keep us busy.
 */
const WINDOW_MS = 10 * 60_000;
const FREE_APPLIES = 3;
const MOST_WAIT_MS = 60_000;

interface Applied {
	readonly hash: string;
	/** The answer, until the watches have told as much. */
	answer: OwnedObject | undefined;
	readonly texts: ReadonlySet<string>;
	/** Times of the applies with this hash, and of the creates, the newest last. */
	readonly at: readonly number[];
}

const none: ReadonlySet<string> = new Set();

export class AppliedObjects {
	#byRef = new Map<string, Applied>();
	readonly #now: () => number;

	/** @param now A clock that never goes back, milliseconds. */
	constructor(now: () => number) {
		this.#now = now;
	}

	/** Differences that the API server made, and that no further apply would change. */
	readonly settled: Settled = (ref, hash) => {
		const known = this.#byRef.get(refText(ref));
		return known?.hash === hash ? known.texts : none;
	};

	/** The newer of what a watch has told of an object and what our last request for it has made of it. */
	newest(ref: ObjectRef, watched: OwnedObject): OwnedObject {
		const known = this.#byRef.get(refText(ref));
		if (known?.answer === undefined) return watched;
		if (isNewer(known.answer, watched)) return known.answer;
		known.answer = undefined;
		return watched;
	}

	/** Takes note of an apply and its answer. */
	took(ref: ObjectRef, sent: OwnedObject, answer: OwnedObject): void {
		const key = refText(ref);
		const hash = appliedHash(sent);
		const before = this.#byRef.get(key);
		const at = before?.hash === hash ? before.at.filter((time) => this.#now() - time < WINDOW_MS) : [];
		this.#byRef.set(key, { hash, answer, texts: settledTexts(sent, answer), at: [...at, this.#now()] });
	}

	/** Takes note of a scaling of a Deployment, and of the version that it has since. */
	scaled(ref: ObjectRef, replicas: number, resourceVersion: string | undefined): void {
		const known = this.#byRef.get(refText(ref));
		if (known?.answer === undefined || resourceVersion === undefined) return;
		// Nothing else is scaled.
		const { metadata, spec, ...rest } = known.answer as V1Deployment;
		if (spec === undefined) return;
		known.answer = { ...rest, metadata: { ...metadata, resourceVersion }, spec: { ...spec, replicas } };
	}

	/** How long an apply of the same words has to wait, since somebody undid it again and again. Milliseconds; 0 is not. */
	waitMs(ref: ObjectRef, sent: OwnedObject): number {
		const known = this.#byRef.get(refText(ref));
		if (known?.hash !== appliedHash(sent)) return 0;
		const recent = known.at.filter((time) => this.#now() - time < WINDOW_MS);
		const last = recent.at(-1);
		if (last === undefined || recent.length < FREE_APPLIES) return 0;
		const wait = Math.min(MOST_WAIT_MS, 1000 * 2 ** (recent.length - FREE_APPLIES));
		return Math.max(0, last + wait - this.#now());
	}

	forget(ref: ObjectRef): void {
		this.#byRef.delete(refText(ref));
	}
}

/** Versions of one object are numbers that grow: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isNewer({ metadata: one }: OwnedObject, { metadata: other }: OwnedObject): boolean {
	if (one?.uid !== other?.uid || !isNumber(one?.resourceVersion) || !isNumber(other?.resourceVersion)) return false;
	return BigInt(one.resourceVersion) > BigInt(other.resourceVersion);
}

function isNumber(version: string | undefined): version is string {
	return version !== undefined && /^\d+$/.test(version);
}
