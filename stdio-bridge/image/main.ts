/** The program of the bridge's image: what is run in front of a stdio server's command inside its own container. */
import { bridgeCommand } from "../../control-plane/cli/commands/bridge.ts";
import { startCli } from "../../control-plane/cli/run-cli.ts";
import { install } from "./install.ts";

// Kubernetes gives 30 seconds; stopping the processes takes five of them.
void startCli({
	summary: "HTTP and WebSocket in front of a stdio server's command, in the server's own container.",
	commands: [bridgeCommand({ contained: true, drainTime: 20 }), install],
	groups: [],
	examples: [["bridge --registry registry.json --listen 0.0.0.0:8080 --insecure", "as a container of a pod does"]],
});
