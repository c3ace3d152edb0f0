// Preload (`node --import`) that makes servers listen on 127.0.0.1 unless they name a host themselves.
// The example's HTTP server names none and would be open to the network.
import { Server } from "node:net";

const listen = Server.prototype.listen;

Server.prototype.listen = function (...args) {
	const [first, second] = args;
	if (typeof first === "object" && first !== null && "port" in first && first.host === undefined) {
		args[0] = { ...first, host: "127.0.0.1" };
	} else if ((typeof first === "number" || /^\d+$/.test(first)) && typeof second !== "string") {
		args.splice(1, 0, "127.0.0.1");
	}
	return listen.apply(this, args);
};
