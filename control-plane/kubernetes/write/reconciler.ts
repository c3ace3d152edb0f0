/** Keeps the objects in the cluster as the registry wants them. */
import type { Logger } from "pino";
import type { KubernetesServer } from "../../registry/model.ts";
import type { ApiRequest } from "../api-server.ts";
import type { ClusterCache, Condition, OwnedObject } from "../contract.ts";
import { AppliedObjects } from "./applied.ts";
import { backOffMs } from "./back-off.ts";
import { carryOut, type Outcome } from "./carry-out.ts";
import { nameClash } from "./conditions.ts";
import type { Lease } from "./lease.ts";
import { objectConditions } from "./object-conditions.ts";
import { kindOf, ownedKinds, refOf } from "./object-ref.ts";
import { isOurs, type Owner, serverIdOf } from "./owner.ts";
import { type Actual, type DesiredServer, plan } from "./plan.ts";
import type { Place, Wanted } from "./wanted.ts";
import { createWorkQueue } from "./work-queue.ts";

export interface ReconcilerDeps {
	readonly request: ApiRequest;
	readonly cache: ClusterCache;
	readonly lease: Lease;
	readonly owner: Owner;
	/** What a managed server is made of. Asked when its entry changes, and at {@link Reconciler.again}. */
	readonly wanted: (server: KubernetesServer) => Wanted;
	readonly log: Logger;
	/** Everything is looked at again so often, whatever the watches say. Default 10 minutes. */
	readonly resyncMs?: number;
}

export interface Reconciler {
	/** Says which servers there shall be, those that are only found included. Until the first time nothing is done. */
	setServers(servers: readonly KubernetesServer[]): void;
	/** What a person must know of a server; empty where all is well. */
	conditions(id: string): readonly Condition[];
	/** The Lease was gained or lost. */
	leaseChanged(): void;
	/** Looks at everything anew: charts may have changed, or a cleanup is over. */
	again(): void;
	/** Ends what is under way. The Lease is still to be given back. */
	close(): Promise<void>;
}

/** Servers that are worked on at once, each by one request after the other; fewer than there are connections. */
const CONCURRENCY = 8;
const RESYNC_MS = 10 * 60_000;
/** So often old objects that wait for new ones are looked at. */
const MOVE_MS = 1000;
/** So long the end of the process waits for requests under way. */
const CLOSE_MS = 2000;

interface Entry {
	readonly server: KubernetesServer;
	readonly wanted: Wanted;
}

/**
 * Level-based: each key (the namespace and name of a server's objects) is worked on from all that is known of it, so it
 * does not matter what was missed. Whoever calls {@link Reconciler.setServers} with registries without fault only can
 * be sure that a slip of the pen removes nothing.
 */
export function startReconciler(deps: ReconcilerDeps): Reconciler {
	const { cache, lease, owner, log } = deps;
	const applied = new AppliedObjects(() => performance.now());
	let servers: ReadonlyMap<string, KubernetesServer> | undefined;
	/** Managed servers by id, and the first server of each key. */
	let entries: ReadonlyMap<string, Entry> = new Map();
	let byKey: ReadonlyMap<string, Entry> = new Map();
	/** What the last work on a server came to. */
	const found = new Map<string, readonly Condition[]>();
	const failures = new Map<string, number>();
	const queue = createWorkQueue({ work, concurrency: CONCURRENCY });

	function setServers(list: readonly KubernetesServer[]): void {
		const before = byKey;
		const next = new Map<string, Entry>();
		const first = new Map<string, Entry>();
		for (const server of list) {
			if (!server.manage) continue;
			const was = entries.get(server.id);
			const entry = was?.server === server ? was : { server, wanted: deps.wanted(server) };
			next.set(server.id, entry);
			const key = keyOf(entry.wanted);
			const other = first.get(key);
			if (other === undefined) first.set(key, entry);
			else report(server.id, [nameClash({ object: `server ${other.server.id}`, ...entry.wanted })]);
		}
		for (const id of [...found.keys()]) if (!next.has(id)) report(id, []);
		servers = new Map(list.map((server) => [server.id, server]));
		entries = next;
		byKey = first;
		for (const key of new Set([...before.keys(), ...first.keys()])) {
			if (before.get(key) !== first.get(key)) queue.add(key, true);
		}
		addOrphans();
	}

	/** What is ours in the cluster and belongs to no server of the registry. */
	function addOrphans(): void {
		for (const kind of ownedKinds) {
			for (const object of cache.list(kind)) {
				const key = keyOf(refOf(kind, object));
				if (!byKey.has(key) && isOurs(object, owner)) queue.add(key);
			}
		}
	}

	function addAll(urgent: boolean): void {
		for (const key of byKey.keys()) queue.add(key, urgent);
		addOrphans();
	}

	/** Works on one key; resolves with the time after which to try again. */
	async function work(key: string): Promise<number | undefined> {
		if (servers === undefined || !lease.held) return undefined;
		const [namespace = "", name = ""] = key.split("/");
		const entry = byKey.get(key);
		if (entry === undefined) {
			const left = objectsAt(namespace, name).filter(({ object }) => !isLeft(object));
			if (left.some(({ object }) => isMoving(object))) return MOVE_MS;
			return again(key, await act(undefined, left));
		}
		const { server, wanted } = entry;
		if ("condition" in wanted) {
			report(server.id, [wanted.condition]);
			return undefined;
		}
		const unwatched = unwatchedKinds(wanted.desired);
		if (unwatched === undefined || unwatched.length > 0) {
			if (unwatched !== undefined) report(server.id, unwatched);
			return undefined;
		}
		const outcome = await act(wanted.desired, objectsAt(namespace, name));
		if (byKey.get(key) === entry && lease.held) report(server.id, outcome.conditions);
		return again(key, outcome);
	}

	function act(desired: DesiredServer | undefined, actual: readonly Actual[]): Promise<Outcome> {
		const actions = plan({ ...(desired === undefined ? {} : { desired }), actual, settled: applied.settled });
		const term = { signal: lease.signal, mayWrite: () => lease.held };
		return carryOut(actions, { ...deps, applied, ...term, server: desired?.id });
	}

	function again(key: string, { failure, waitMs }: Outcome): number | undefined {
		if (failure === undefined) {
			failures.delete(key);
			return waitMs;
		}
		const count = (failures.get(key) ?? 0) + 1;
		failures.set(key, count);
		return Math.max(waitMs ?? 0, backOffMs(failure, count));
	}

	/** Why it cannot be told what is there; undefined where the watches are about to tell. */
	function unwatchedKinds({ namespace, objects }: DesiredServer): readonly Condition[] | undefined {
		const states = objects.map((object) => cache.state(kindOf(object), namespace));
		const missing = states.filter(({ listed }) => !listed);
		if (missing.some(({ refused, problem }) => refused !== true || problem === undefined)) return undefined;
		const problems = new Set(missing.map(({ problem }) => problem ?? ""));
		return [...problems].map((problem) => ({ reason: "forbidden", message: `${problem}.` }));
	}

	function objectsAt(namespace: string, name: string): readonly Actual[] {
		return ownedKinds.flatMap((kind) => {
			const object = cache.get(kind, namespace, name);
			if (object === undefined || !isOurs(object, owner)) return [];
			return [{ kind, object: applied.newest({ kind, namespace, name }, object) }];
		});
	}

	/** Of a server that is only to be found now: it is the business of whoever took it over. */
	function isLeft(object: OwnedObject): boolean {
		return servers?.get(serverIdOf(object) ?? "")?.manage === false;
	}

	/** Of a server that is elsewhere now, and is not there yet. */
	function isMoving(object: OwnedObject): boolean {
		const there = entries.get(serverIdOf(object) ?? "")?.wanted;
		return there !== undefined && cache.get("Deployment", there.namespace, there.name) === undefined;
	}

	function report(id: string, conditions: readonly Condition[]): void {
		const before = found.get(id) ?? [];
		if (conditions.length === 0) found.delete(id);
		else found.set(id, conditions);
		for (const { reason, message } of conditions) {
			if (before.some((one) => one.message === message)) continue;
			log.warn({ event: "kubernetes_condition", server: id, reason }, `${id}: ${message}`);
		}
		if (before.length > 0 && conditions.length === 0 && entries.has(id)) {
			log.info({ event: "kubernetes_well", server: id }, `${id}: on Kubernetes as it is wanted`);
		}
	}

	const unsubscribe = cache.subscribe(({ kind, namespace, name }) => {
		if (kind === "*") addAll(false);
		else if (kind !== "Pod" && kind !== "EndpointSlice") queue.add(keyOf({ namespace, name }));
	});
	const resync = setInterval(() => addAll(false), deps.resyncMs ?? RESYNC_MS);

	return {
		setServers,
		conditions(id) {
			const entry = entries.get(id);
			if (entry === undefined) return [];
			return [
				...(lease.problem === undefined ? [] : [lease.problem]),
				...(lease.retired ? [cleanedUp] : []),
				...(found.get(id) ?? []),
				...objectConditions(objectsAt(entry.wanted.namespace, entry.wanted.name)),
			];
		},
		leaseChanged() {
			if (lease.held) addAll(true);
			// Another one may have put it right: whoever does not write does not know.
			else found.clear();
		},
		again() {
			lease.resume();
			entries = new Map();
			if (servers !== undefined) setServers([...servers.values()]);
			addAll(true);
		},
		async close() {
			unsubscribe();
			clearInterval(resync);
			const limit = AbortSignal.timeout(CLOSE_MS);
			await Promise.race([queue.close(), new Promise((resolve) => limit.addEventListener("abort", resolve))]);
		},
	};
}

function keyOf({ namespace, name }: Place): string {
	return `${namespace}/${name}`;
}

const cleanedUp: Condition = {
	reason: "cleaned_up",
	message: "`mcp-gateway cleanup` has removed it. It is made again after SIGHUP or a restart of the control plane.",
};
