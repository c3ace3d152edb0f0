import type { Listen } from "../listen.ts";

/**
 * Where each of several workers listens: consecutive ports, or `bridge-0.sock`, `bridge-1.sock` … for `bridge.sock`.
 * One worker has the address itself. @throws RangeError where the ports end.
 */
export function workerAddresses(listen: Listen, count: number): Listen[] {
	if (count === 1) return [listen];
	return Array.from({ length: count }, (_, index) => {
		if ("path" in listen) return { path: listen.path.replace(/(\.[^./]*)?$/, (ending) => `-${index}${ending}`) };
		const port = listen.port + index;
		if (listen.port === 0 || port > 65535) throw new RangeError(`${count} workers need ports of their own`);
		return { host: listen.host, port };
	});
}
