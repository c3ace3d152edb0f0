/**
 * Loaded before a peer that has no option for the address it listens on: it takes 127.0.0.1 and not all interfaces.
 * Plain JavaScript, so that the peer's process does not carry what strips types.
 */
import { Server } from "node:net";

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
	return listen.call(this, { port, host: "127.0.0.1" }, rest.at(-1));
};
