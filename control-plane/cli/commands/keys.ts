import { randomBytes } from "node:crypto";
import { text as readAll } from "node:stream/consumers";
import { stringify } from "yaml";
import { hashOfKey, keyNameProblem, keyProblem } from "../../registry/api-keys.ts";
import { idProblem } from "../../registry/names.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";

/** Tells scanners for leaked secrets, and people, what it is. */
const PREFIX = "mcpgw_";

export const keysNew = command(
	{
		usage: "new <name>",
		summary: "Make an API key: prints it, this once, and the line with its hash for the key file",
		options: {
			servers: { type: "string", requiresArg: true, describe: "Ids of the servers it opens, by commas [default: all]" },
			json: { type: "boolean", default: false, describe: "Print JSON" },
		},
		positionals: {
			name: { type: "string", demandOption: true, describe: "Whose key it is; shown in logs and metrics" },
		},
		examples: [
			["keys new alice", "for all servers"],
			["keys new ci --servers docs,search", "for these two"],
		],
		run: async (args) => {
			const servers = args.servers?.split(",").map((id) => id.trim());
			const problem = [keyNameProblem(args.name), ...(servers ?? []).map(idProblem)].find((one) => one !== undefined);
			if (problem !== undefined) throw usage(problem);
			const key = `${PREFIX}${randomBytes(32).toString("base64url")}`;
			const sha256 = hashOfKey(key);
			const entry = servers === undefined ? `sha256:${sha256}` : { sha256, servers };
			if (args.json) {
				process.stdout.write(`${JSON.stringify({ name: args.name, key, entry })}\n`);
				return 0;
			}
			const lines = stringify({ [args.name]: entry }, { lineWidth: 0 });
			process.stdout.write(`The key, which is stored nowhere:\n\n  ${key}\n\nFor the key file:\n\n${lines}`);
			return 0;
		},
	},
	"keys",
);

export const keysHash = command(
	{
		usage: "hash",
		summary: "Print the hash of an API key for the key file; the key is read from stdin",
		options: {},
		positionals: {},
		examples: [["keys hash < key.txt", "of a key that is there already"]],
		run: async () => {
			const key = (await readAll(process.stdin)).replace(/\r?\n$/, "");
			const problem = keyProblem(key);
			if (problem !== undefined) throw failure(`The key ${problem}`);
			process.stdout.write(`sha256:${hashOfKey(key)}\n`);
			return 0;
		},
	},
	"keys",
);
