import { changedNames } from "../snapshot/overlay.ts";
import type { Registry, Server } from "./model.ts";

/**
 * The servers of one type, in the order of the registry; the same list as before where a change is about others. With ten
 * thousand servers a change of one must not cost a look at all.
 */
export function createServerList<T extends Server["type"]>(type: T) {
	type OfType = Extract<Server, { type: T }>;
	const isOfType = (server: Server | undefined): server is OfType => server?.type === type;
	let servers: Registry["servers"] = new Map();
	let list: readonly OfType[] = [];
	return (registry: Registry): readonly OfType[] => {
		const before = servers;
		servers = registry.servers;
		const names = changedNames(before, servers);
		const concerns = (id: string) => isOfType(before.get(id)) || isOfType(servers.get(id));
		if (names === undefined || [...names].some(concerns)) list = [...servers.values()].filter(isOfType);
		return list;
	};
}
