import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../../control-plane/cli/command.ts";
import { failure } from "../../control-plane/cli/errors.ts";
import { root } from "../../control-plane/cli/paths.ts";

/** Copies the bridge, with its Node and its libraries, into a volume that a server's container mounts. */
export const install = command({
	usage: "install <folder>",
	summary: "Copy this bridge into a folder, for a container that mounts it at the place where it is here",
	options: {},
	positionals: {
		folder: { type: "string", demandOption: true, describe: "A folder that is there; may hold an older copy" },
	},
	examples: [["install /target", "as an init container does"]],
	run: async ({ folder }) => {
		try {
			await readdir(folder);
			for (const name of await readdir(root)) await cp(join(root, name), join(folder, name), { recursive: true });
			return 0;
		} catch (error) {
			throw failure(`The bridge could not be copied to ${folder}: ${(error as Error).message}.`);
		}
	},
});
