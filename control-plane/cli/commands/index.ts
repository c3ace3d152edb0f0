import type { Command } from "../command.ts";
import { bootstrapCommand } from "./bootstrap.ts";
import { bridge } from "./bridge.ts";
import { call } from "./call.ts";
import { controlPlane } from "./control-plane.ts";
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
	controlPlane,
	bridge,
	bootstrapCommand,
	schema,
];

/** Commands below `servers`. */
export const serversCommands: readonly Command[] = [serversList, serversGet, serversAdd, serversRemove];
