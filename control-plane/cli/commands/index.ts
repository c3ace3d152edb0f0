import type { Command } from "../command.ts";
import type { CommandGroup } from "../run-cli.ts";
import { bootstrapCommand } from "./bootstrap.ts";
import { bridge } from "./bridge.ts";
import { call } from "./call.ts";
import { cleanup } from "./cleanup.ts";
import { controlPlane } from "./control-plane.ts";
import { credentials } from "./credentials.ts";
import { keysHash, keysNew } from "./keys.ts";
import { probe } from "./probe.ts";
import { schema } from "./schema.ts";
import { serversAdd, serversGet, serversList, serversPods, serversRemove } from "./servers.ts";
import { serversScale } from "./servers-scale.ts";
import { status } from "./status.ts";
import { up } from "./up.ts";
import { validate } from "./validate.ts";

/** All commands in the order in which help lists them. */
export const commands: readonly Command[] = [
	up,
	validate,
	status,
	call,
	probe,
	controlPlane,
	bridge,
	bootstrapCommand,
	credentials,
	cleanup,
	schema,
];

export const groups: readonly CommandGroup[] = [
	{
		name: "servers",
		summary: "List, show, add and remove the servers of a registry file",
		commands: [serversList, serversGet, serversAdd, serversRemove, serversScale, serversPods],
		example: ["servers list", "what is in the registry"],
	},
	{
		name: "keys",
		summary: "Make API keys for the clients of a gateway",
		commands: [keysNew, keysHash],
		example: ["keys new alice", "a key for all servers"],
	},
];
