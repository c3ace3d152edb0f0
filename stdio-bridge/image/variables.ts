/** What `launcher.c` puts before the names of variables that are meant for the server and not for our own Node. */
export const asidePrefix = "MCP_GATEWAY_ASIDE_";

type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of a container as its image and its pod have set them: those that were put aside have their names back. */
export function serverVariables(env: Variables): Variables {
	return Object.fromEntries(
		Object.entries(env).map(([name, value]) => [
			name.startsWith(asidePrefix) ? name.slice(asidePrefix.length) : name,
			value,
		]),
	);
}
