import { availableParallelism } from "node:os";
import { workerAddresses } from "../../stdio-bridge/workers/addresses.ts";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import { usage } from "./errors.ts";

/** Where the bridge's first worker listens unless told otherwise. */
export const defaultBridge = "127.0.0.1:8090";

const most = 64;

/**
 * How many workers the bridge has: as many as `option` says, or one for each processor, four at the most.
 * @throws CliError for a number that cannot be.
 */
export function workerCount(given: number | undefined, option: string): number {
	if (given === undefined) return Math.min(4, availableParallelism());
	if (Number.isInteger(given) && given >= 1 && given <= most) return given;
	throw usage(`${option} takes a whole number from 1 to ${most}.`);
}

/** Where the workers of `mcp-gateway bridge` listen. @throws CliError where ports or names do not suffice. */
export function bridgeAddresses(listen: Address, given: number | undefined): readonly Address[] {
	// Port 0 is any one free port; who wants several workers names the first of their ports.
	const count = given === undefined && "port" in listen && listen.port === 0 ? 1 : workerCount(given, "--workers");
	try {
		// The names of several sockets are longer than the one that was given.
		return workerAddresses(listen, count).map((address) => parseAddress(formatAddress(address)));
	} catch (error) {
		if (!(error instanceof RangeError)) throw usage(`--listen: ${(error as Error).message}`);
		throw usage(`--workers ${count} needs ${count} ports in a row: name the first of them with --listen.`);
	}
}
