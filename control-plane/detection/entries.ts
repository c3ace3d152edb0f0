import { type BuildContext, buildServer } from "../ir/build.ts";
import type { AutoServer, Registry } from "../registry/model.ts";
import { createServerList } from "../registry/server-list.ts";
import { isStable } from "../snapshot/builder.ts";
import type { Entry } from "./detector.ts";
import { httpTarget } from "./probe-http.ts";

/**
 * Registry to what is to be detected. Entries that cannot be built, for a secret that is missing say, are left out:
 * their problem is told where they are built. Remembers what only the entry decides, so that a change costs what changed.
 */
export function createEntryList() {
	const remembered = new WeakMap<AutoServer, Entry>();
	const autoServers = createServerList("auto");
	return (registry: Registry, context: BuildContext): readonly Entry[] =>
		autoServers(registry).flatMap((server) => {
			const known = remembered.get(server);
			if (known !== undefined) return known;
			const ir = buildServer(server.http, context);
			if (ir.state !== "serving") return [];
			const http = httpTarget(
				ir,
				server.http.endpoints.map(({ url }) => url),
			);
			const entry: Entry = { id: server.id, http, ...(server.stdio === undefined ? {} : { stdio: server.stdio }) };
			if (isStable(server)) remembered.set(server, entry);
			return entry;
		});
}
