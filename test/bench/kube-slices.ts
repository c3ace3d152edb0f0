import type { KubeConfig, V1EndpointSlice } from "@kubernetes/client-node";
import { createApiServer } from "../../control-plane/kubernetes/api-server.ts";
import { watchObjects } from "../../control-plane/kubernetes/watch/watch.ts";

/** Pods of a Service that are ready, by their names, with the addresses that they have. */
export type ReadyPods = ReadonlyMap<string, string>;

/** A watch of the bench's own: what a control plane hears, at the moment that it could have heard it. */
export interface SliceWatch {
	ready(service: string): ReadyPods;
	/** Resolves with `performance.now()` of the event after which it holds; rejects after a minute. */
	until(service: string, holds: (ready: ReadyPods) => boolean): Promise<number>;
	close(): Promise<void>;
}

const serviceLabel = "kubernetes.io/service-name";
const deadlineMs = 60_000;

export function watchSlices(kubeConfig: KubeConfig, namespace: string): SliceWatch {
	const abort = new AbortController();
	const slices = new Map<string, V1EndpointSlice>();
	const waiting = new Map<() => void, string>();
	const tell = (service: string | undefined) => {
		for (const [check, wanted] of [...waiting]) if (service === undefined || wanted === service) check();
	};
	const named = (object: object) => {
		const slice = object as V1EndpointSlice;
		return { slice, name: slice.metadata?.name ?? "", service: slice.metadata?.labels?.[serviceLabel] };
	};
	const ready = (service: string): ReadyPods => {
		const found = new Map<string, string>();
		for (const slice of slices.values()) {
			if (named(slice).service !== service) continue;
			for (const { conditions, addresses, targetRef } of slice.endpoints ?? []) {
				if (conditions?.ready === true) found.set(targetRef?.name ?? "", addresses[0] ?? "");
			}
		}
		return found;
	};
	const running = watchObjects(
		{
			api: createApiServer(kubeConfig),
			target: { path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices` },
			listed(all) {
				slices.clear();
				for (const one of all) slices.set(named(one).name, named(one).slice);
				tell(undefined);
			},
			changed(object) {
				const { slice, name, service } = named(object);
				slices.set(name, slice);
				tell(service);
			},
			deleted(object) {
				const { name, service } = named(object);
				slices.delete(name);
				tell(service);
			},
			fault: () => {},
		},
		abort.signal,
	);
	return {
		ready,
		until: (service, holds) =>
			new Promise((resolve, reject) => {
				const check = () => {
					if (!holds(ready(service))) return;
					clearTimeout(timer);
					waiting.delete(check);
					resolve(performance.now());
				};
				const fail = () => {
					waiting.delete(check);
					reject(new Error(`${service}: not within a minute; ready are ${[...ready(service).keys()].join(", ")}`));
				};
				const timer = setTimeout(fail, deadlineMs);
				waiting.set(check, service);
				check();
			}),
		close() {
			abort.abort();
			return running;
		},
	};
}
