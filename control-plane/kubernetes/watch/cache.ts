import type { Logger } from "pino";
import type { ApiFault, ApiServer } from "../api-server.ts";
import type { ClusterCache, ClusterChange, WatchedKind, WatchedKinds, WatchState } from "../contract.ts";
import { OWNER_LABEL } from "../names.ts";
import { describeFault, unreachable, type WatchScope } from "./faults.ts";
import { createObjectStore, keyOf, type ObjectStore } from "./store.ts";
import { watchObjects } from "./watch.ts";
import { listPath, serviceNameLabel } from "./watched-kinds.ts";

export interface CacheOptions {
	readonly api: ApiServer;
	/** Value of the owner's label. */
	readonly owner: string;
	/** Namespaces that are watched, each by itself; empty: all at once. */
	readonly namespaces: readonly string[];
	readonly log: Logger;
	/** As for {@link watchObjects}. */
	readonly firstWaitMs?: number;
}

/** One watch and what it has seen. */
interface Watched<K extends WatchedKind> {
	readonly scope: WatchScope & { readonly kind: K };
	readonly store: ObjectStore<K>;
	listed: boolean;
	fault: { readonly error: ApiFault; readonly since: Date } | undefined;
	/** Ends it; resolves once nothing of it runs any more. */
	stop(): Promise<void>;
}

type Owned = { readonly [K in WatchedKind]: readonly Watched<K>[] };

/** Starts all watches; nothing is in it before they have listed. */
export function createClusterCache({ api, owner, namespaces, log, firstWaitMs }: CacheOptions): ClusterCache {
	const listeners = new Set<(changed: ClusterChange) => void>();
	const followed = new Map<string, { slices: Watched<"EndpointSlice">; service: Watched<"Service"> }>();
	const ending = new Set<Promise<void>>();
	/** Kinds of faults that the log has, until all is well again. */
	const faults = new Set<string>();

	function tell(kind: WatchedKind, key: string | undefined): void {
		if (key === undefined) return;
		const slash = key.indexOf("/");
		const change = { kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
		for (const listener of [...listeners]) listener(change);
	}

	function tellAll(): void {
		for (const listener of [...listeners]) listener({ kind: "*", namespace: "*", name: "*" });
	}

	function watch<K extends WatchedKind>(
		scope: WatchScope & { readonly kind: K },
		selector: { readonly labelSelector?: string; readonly fieldSelector?: string },
	): Watched<K> {
		const { kind } = scope;
		const store = createObjectStore(kind);
		const abort = new AbortController();
		const one: Watched<K> = {
			scope,
			store,
			listed: false,
			fault: undefined,
			stop: () => {
				abort.abort();
				return running;
			},
		};
		const running = watchObjects(
			{
				api,
				target: { path: listPath(kind, scope.namespace), ...selector },
				...(firstWaitMs === undefined ? {} : { firstWaitMs }),
				listed(objects) {
					const changed = store.replace(objects);
					const first = !one.listed;
					one.listed = true;
					for (const key of changed) tell(kind, key);
					if (first) tellAll();
				},
				changed: (object) => tell(kind, store.set(object)),
				deleted: (object) => tell(kind, store.delete(object)),
				fault: (error) => takeFault(one, error),
			},
			abort.signal,
		);
		return one;
	}

	function takeFault(one: Watched<WatchedKind>, error: ApiFault | undefined): void {
		const before = one.fault;
		// The moment is that of the first failure in a row, of whatever kind.
		one.fault = error && { error, since: before?.since ?? new Date() };
		if (before?.error.status === error?.status && (before === undefined) === (error === undefined)) return;
		if (error !== undefined) {
			// All watches lose an API server at once: that is told once.
			const { kind, namespace = "*" } = one.scope;
			const what = error.status === 0 ? "unreachable" : `${error.status} ${kind} ${namespace}`;
			if (!faults.has(what)) log.warn({ event: "kubernetes_watch_failed", kind }, sentence(one) ?? "");
			faults.add(what);
		} else if (all().every(({ fault }) => fault === undefined)) {
			log.info({ event: "kubernetes_watches_restored" }, "everything on Kubernetes is watched again");
			faults.clear();
		}
		tellAll();
	}

	function sentence({ scope, fault }: Watched<WatchedKind>): string | undefined {
		return fault && describeFault(scope, fault.error, api.url, fault.since);
	}

	const labelSelector = `${OWNER_LABEL}=${owner}`;
	const scopes = namespaces.length === 0 ? [{}] : namespaces.map((namespace) => ({ namespace }));
	const watchOwned = <K extends WatchedKind>(kind: K): readonly Watched<K>[] =>
		scopes.map((scope) => watch({ kind, ...scope }, { labelSelector }));
	const owned: Owned = {
		EndpointSlice: watchOwned("EndpointSlice"),
		Service: watchOwned("Service"),
		Pod: watchOwned("Pod"),
		Deployment: watchOwned("Deployment"),
		ConfigMap: watchOwned("ConfigMap"),
		HorizontalPodAutoscaler: watchOwned("HorizontalPodAutoscaler"),
		PodDisruptionBudget: watchOwned("PodDisruptionBudget"),
	};

	const all = (): readonly Watched<WatchedKind>[] => [
		...Object.values(owned).flat(),
		...[...followed.values()].flatMap(({ slices, service }) => [slices, service]),
	];
	/** The watch that sees objects of this namespace. */
	const ownedIn = <K extends WatchedKind>(kind: K, namespace: string): Watched<K> | undefined =>
		owned[kind].find(({ scope }) => scope.namespace === undefined || scope.namespace === namespace);

	function stateOf(one: Watched<WatchedKind> | undefined, namespace: string): WatchState {
		if (one === undefined) {
			return {
				listed: false,
				problem: `namespace ${namespace} is not among --kube-namespaces`,
				refused: true,
				unwatched: true,
			};
		}
		const problem = sentence(one);
		const refused = one.fault?.error.status === 403 || one.fault?.error.status === 401;
		return { listed: one.listed, ...(problem === undefined ? {} : { problem }), ...(refused && { refused }) };
	}

	return {
		get synced() {
			return all().every(({ listed }) => listed);
		},
		get problems() {
			const faulty = all().filter(({ fault }) => fault !== undefined);
			const away = faulty.flatMap(({ fault }) => (fault?.error.status === 0 && fault) || []);
			const first = away.sort((a, b) => a.since.getTime() - b.since.getTime())[0];
			const sentences = faulty.filter(({ fault }) => fault?.error.status !== 0).flatMap((one) => sentence(one) ?? []);
			return [
				...(first === undefined ? [] : [unreachable(api.url, first.since, first.error.why)]),
				...new Set(sentences),
			];
		},
		get: (kind, namespace, name) => ownedIn(kind, namespace)?.store.get(namespace, name),
		list: <K extends WatchedKind>(kind: K): readonly WatchedKinds[K][] =>
			owned[kind].flatMap(({ store }) => [...store.all()]),
		slices(namespace, service) {
			const { slices } = followed.get(keyOf(namespace, service)) ?? {};
			return (slices ?? ownedIn("EndpointSlice", namespace))?.store.ofServer(namespace, service) ?? [];
		},
		pods: (namespace, name) => ownedIn("Pod", namespace)?.store.ofServer(namespace, name) ?? [],
		service(namespace, name) {
			const { service } = followed.get(keyOf(namespace, name)) ?? {};
			return (service ?? ownedIn("Service", namespace))?.store.get(namespace, name);
		},
		state(kind, namespace, service) {
			const own = service === undefined ? undefined : followed.get(keyOf(namespace, service));
			if (own !== undefined && kind === "EndpointSlice") return stateOf(own.slices, namespace);
			if (own !== undefined && kind === "Service") return stateOf(own.service, namespace);
			return stateOf(ownedIn(kind, namespace), namespace);
		},
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		follow(services) {
			const wanted = new Map(services.map((service) => [keyOf(service.namespace, service.name), service]));
			for (const [key, { slices, service }] of followed) {
				if (wanted.has(key)) continue;
				followed.delete(key);
				for (const one of [slices, service]) {
					const end = one.stop().finally(() => ending.delete(end));
					ending.add(end);
				}
			}
			for (const [key, { namespace, name }] of wanted) {
				if (followed.has(key)) continue;
				followed.set(key, {
					slices: watch(
						{ kind: "EndpointSlice", namespace, service: name },
						{ labelSelector: `${serviceNameLabel}=${name}` },
					),
					service: watch({ kind: "Service", namespace, service: name }, { fieldSelector: `metadata.name=${name}` }),
				});
			}
		},
		async close() {
			listeners.clear();
			await Promise.all([...all().map((one) => one.stop()), ...ending]);
		},
	};
}
