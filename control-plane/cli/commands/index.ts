import type { Command } from "../command.ts";
import { bootstrapCommand } from "./bootstrap.ts";
import { bridge } from "./bridge.ts";
import { call } from "./call.ts";
import { controlPlane } from "./control-plane.ts";
import { keysHash, keysNew } from "./keys.ts";
import { probe } from "./probe.ts";
import { schema } from "./schema.ts";
import { serversAdd, serversGet, serversList, serversRemove } from "./servers.ts";
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
	schema,
];

/** Commands that share a first word. */
export interface CommandGroup {
	readonly name: string;
	readonly summary: string;
	readonly commands: readonly Command[];
	/** A command line, without the program's name, and what it does. */
	readonly example: readonly [string, string];
}

export const groups: readonly CommandGroup[] = [
	{
		name: "servers",
		summary: "List, show, add and remove the servers of a registry file",
		commands: [serversList, serversGet, serversAdd, serversRemove],
		example: ["servers list", "what is in the registry"],
	},
	{
		name: "keys",
		summary: "Make API keys for the clients of a gateway",
		commands: [keysNew, keysHash],
		example: ["keys new alice", "a key for all servers"],
	},
];
