import { readEntries, setServer } from "../../registry/edit.ts";
import type { RawEntry } from "../../registry/kind.ts";
import { scaleProblem } from "../../registry/scale.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
import { registryOption } from "../options.ts";
import { readRegistry, readRegistryText } from "../registry-file.ts";
import { absent, change, editableFile, id, shown } from "./servers.ts";

export const serversScale = command(
	{
		usage: "scale <id> <replicas>",
		summary: "Set the pods of a server on Kubernetes in the registry file",
		options: { ...registryOption },
		positionals: { id, replicas: { type: "string", demandOption: true, describe: "How many pods it shall have" } },
		examples: [["servers scale github 4", "a running gateway scales it at once"]],
		run: async (args) => {
			if (!/^\d{1,4}$/.test(args.replicas)) throw usage(`"${args.replicas}" is no number of pods.`);
			const replicas = Number(args.replicas);
			const { file, isNew } = editableFile(args.registry);
			if (isNew) throw usage("There is no registry file here. Name one with --registry FILE.");
			const text = readRegistryText(file);
			const [registry] = readRegistry(file);
			const server = registry?.servers.get(args.id);
			if (registry !== undefined && server === undefined) throw absent(args.id, registry);
			const problem = server === undefined ? undefined : scaleProblem(server);
			if (problem !== undefined) throw failure(problem);
			await change(file, () => {
				const entry = readEntries(text, file, [args.id]).get(args.id) as RawEntry;
				return setServer(text, file, args.id, { ...entry, replicas });
			});
			process.stdout.write(`In ${shown(file)}: ${args.id} has ${replicas} ${replicas === 1 ? "pod" : "pods"}.\n`);
			return 0;
		},
	},
	"servers",
);
