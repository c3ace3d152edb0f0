import { join } from "node:path";
import { installOnce, installPython } from "./install-once.ts";
import { ROOT } from "./process.ts";

const requirements = join(ROOT, "test/fixtures/python/requirements.txt");

/**
 * The interpreter of a virtual environment with the official Python SDK (pinned, hashes checked), made once in
 * `.cache/python`.
 */
export async function pythonWithSdk(): Promise<string> {
	const folder = await installOnce({
		what: "the Python SDK",
		cache: "python",
		lock: requirements,
		say: (line) => console.log(line),
		install: (folder) => installPython(folder, requirements),
	});
	return join(folder, "bin/python");
}
