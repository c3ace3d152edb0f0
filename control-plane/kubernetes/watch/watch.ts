import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiFault, type ApiServer } from "../api-server.ts";

/** A set of objects to be watched. */
export interface WatchTarget {
	/** As in `/api/v1/pods` or `/api/v1/namespaces/mcp/pods`. */
	readonly path: string;
	readonly labelSelector?: string;
	readonly fieldSelector?: string;
}

export interface WatchDeps {
	readonly api: ApiServer;
	readonly target: WatchTarget;
	/** All objects as they are: after the start, and whenever events may have been missed. */
	readonly listed: (objects: readonly KubernetesObject[]) => void;
	readonly changed: (object: KubernetesObject) => void;
	readonly deleted: (object: KubernetesObject) => void;
	/** What keeps it from being up to date; undefined once that is over. */
	readonly fault: (fault: ApiFault | undefined) => void;
	/** First wait after a failure, doubled each time. Default 200 ms. */
	readonly firstWaitMs?: number;
}

/** So long the API server shall keep one watch open: at random, so that watches do not come back in step. */
const watchSeconds = () => Math.round(300 + Math.random() * 300);

/** Bookmarks come about once a minute: who is silent for longer than two is gone. */
const silentMs = 150_000;
const listMs = 60_000;
const mostWaitMs = 10_000;
/** Nobody gives a permission within seconds. */
const mostForbiddenWaitMs = 30_000;

/**
 * Lists once and then follows what changes, for as long as it is not aborted. A watch that ends goes on where it was;
 * only where the API server no longer knows that place (410) is listed anew. See
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function watchObjects(deps: WatchDeps, signal: AbortSignal): Promise<void> {
	const { api, target } = deps;
	const selectors = { labelSelector: target.labelSelector, fieldSelector: target.fieldSelector };
	/** Where to go on; undefined: list first. */
	let version: string | undefined;
	let failures = 0;

	async function list(): Promise<string> {
		const answer = listOf(await api.text(target.path, selectors, { signal, timeoutMs: listMs }));
		if (!signal.aborted) deps.listed(answer.items);
		return answer.version;
	}

	function take(line: string): void {
		if (signal.aborted) return;
		const { type, object } = JSON.parse(line) as { type: string; object: WatchedObject };
		if (type === "ERROR") throw new ApiFault(object.code ?? 0, { message: object.message ?? "the watch failed" });
		if (type === "DELETED") deps.deleted(object);
		else if (type !== "BOOKMARK") deps.changed(object);
		version = object.metadata?.resourceVersion ?? version;
		failures = 0;
	}

	async function follow(): Promise<void> {
		const query = {
			...selectors,
			watch: "true",
			allowWatchBookmarks: "true",
			timeoutSeconds: String(watchSeconds()),
			resourceVersion: version,
		};
		let openedAt = Number.POSITIVE_INFINITY;
		const opened = () => {
			openedAt = performance.now();
			deps.fault(undefined);
		};
		try {
			await api.lines(target.path, query, { signal, opened, take, silentMs });
		} finally {
			// One that lasted was no failure, however it ended.
			if (performance.now() - openedAt > 1000) failures = 0;
		}
		failures += performance.now() - openedAt > 1000 ? 0 : 1;
	}

	while (!signal.aborted) {
		let asked = 0;
		try {
			version ??= await list();
			await follow();
		} catch (error) {
			if (signal.aborted) return;
			const fault = error instanceof ApiFault ? error : new ApiFault(0, { message: (error as Error).message });
			failures += 1;
			// What was changed meanwhile is forgotten there; or the place is one that it does not know at all.
			const lost = fault.status === 410 || (fault.status !== 0 && fault.status !== 403 && failures > 3);
			if (lost) version = undefined;
			if (fault.status !== 410) deps.fault(fault);
			asked = fault.retryAfterMs ?? 0;
			if (fault.status === 403) asked = Math.max(asked, waitMs(failures, deps.firstWaitMs, mostForbiddenWaitMs));
		}
		await pause(Math.max(asked, waitMs(failures, deps.firstWaitMs, mostWaitMs)), signal);
	}
}

interface WatchedObject extends KubernetesObject {
	readonly message?: string;
	readonly code?: number;
}

function listOf(text: string): { items: readonly KubernetesObject[]; version: string } {
	const { items, metadata } = JSON.parse(text) as {
		items?: readonly KubernetesObject[] | null;
		metadata?: { resourceVersion?: string };
	};
	return { items: items ?? [], version: metadata?.resourceVersion ?? "" };
}

/** Doubled with each failure, and half of it by chance: many watches fail at one moment. */
function waitMs(failures: number, firstMs = 200, mostMs: number): number {
	return failures === 0 ? 0 : Math.min(mostMs, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	if (ms === 0 || signal.aborted) return Promise.resolve();
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		signal.addEventListener("abort", done);
	});
}
