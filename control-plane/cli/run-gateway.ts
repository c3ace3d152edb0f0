import type { ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { openAccessPipe } from "./access-pipe.ts";
import { type Address, formatAddress, httpUrl } from "./address.ts";
import { drainEnvoy } from "./drain.ts";
import type { Example } from "./example.ts";
import { isReady, type ProcessesMessage } from "./messages.ts";
import type { Output } from "./output.ts";
import { waitForListener } from "./ports.ts";
import type { RunFolder } from "./run-folder.ts";
import { createSupervisor } from "./supervisor.ts";
import { coloursFor } from "./text.ts";
import { bridgeChild, controlPlaneChild, envoyChild } from "./up-children.ts";
import { gatewayUrl, type Serving, type UpOptions } from "./up-plan.ts";
import { welcome } from "./welcome.ts";

export interface GatewayDeps {
	readonly registry: string;
	readonly serving: Serving;
	readonly options: UpOptions;
	/** Path of Envoy's binary. */
	readonly envoy: string;
	/** Envoy's bootstrap, YAML. */
	readonly bootstrap: string;
	readonly example: Example | undefined;
	readonly output: Output;
	readonly run: RunFolder;
	/** Addresses of the bridge's workers. */
	readonly bridges: readonly Address[];
}

/** Longer than the bridge gives its processes to end by themselves. */
const KILL_AFTER_MS = 7000;

/** npm passes a Ctrl-C on that the terminal has sent us already; a person needs longer for a second one. */
const SAME_KEY_MS = 500;

/** Runs the gateway's processes until a signal comes; resolves with the exit code when all of them have ended. */
export async function runGateway(deps: GatewayDeps): Promise<number> {
	const { options, serving, run, output, example } = deps;
	const { log } = output;
	const over = Promise.withResolvers<number>();
	const abort = new AbortController();
	let plane: ChildProcess | undefined;
	let ready = false;

	const supervisor = createSupervisor({
		log,
		changed: (processes) => {
			const message: ProcessesMessage = { event: "processes", processes };
			// A channel that is just closing is no fault: its process is told again when it is back.
			if (plane?.connected) plane.send(message, () => {});
		},
		hopeless: (name) => {
			log.fatal({ event: "failed", name }, `${name} does not start; giving up. The lines above tell why.`);
			over.resolve(1);
		},
	});

	const served = async (servers: readonly string[]) => {
		if (ready) return log.info({ event: "control-plane-back" }, "the control plane is back");
		// Envoy would take a bridge that does not listen yet for a dead one, and leave it alone for a while.
		const waitFor = [serving.listen, ...deps.bridges, ...(example?.addresses ?? [])];
		await Promise.all(waitFor.map((address) => waitForListener(address, abort.signal)));
		if (ready || abort.signal.aborted) return;
		ready = true;
		supervisor.settled();
		announce(servers, deps);
	};

	const env = { ...process.env, ...example?.env };
	const accessPipe = options.accessLog === "-" ? openAccessPipe(run.accessLog, process.stdout) : undefined;
	const started = (child: ChildProcess) => {
		plane = child;
		child.on("message", (message) => {
			if (!isReady(message)) return;
			served(message.servers).catch((error: unknown) => {
				if (!abort.signal.aborted) log.error({ event: "failed", err: error }, "waiting for the listener failed");
			});
		});
	};
	const unlisten = onSignals({
		reload: () => {
			// Until then the registry is about to be read anyway, and a Node that has no handler yet would end.
			if (!ready) return;
			log.info({ event: "reload" }, "reading the registry again");
			supervisor.signal("SIGHUP");
		},
		stop: () => over.resolve(0),
		now: () => {
			supervisor.killAll();
			run.remove();
			process.exit(130);
		},
	});
	const { registry, bridges } = deps;
	supervisor.add(controlPlaneChild({ registry, run, bridges, serving, options, env, output, started }));
	supervisor.add(
		envoyChild({
			binary: deps.envoy,
			bootstrap: deps.bootstrap,
			run,
			concurrency: options.concurrency,
			logLevel: options.envoyLogLevel,
			drainSeconds: options.drainTime,
			output,
		}),
	);
	supervisor.add(bridgeChild({ registry, run, workers: bridges.length, serving, env, output }));
	for (const spec of example?.children ?? []) supervisor.add(spec);

	const code = await over.promise;
	abort.abort();
	if (code === 0) {
		log.info({ event: "stopping" }, "stopping");
		await drainEnvoy(run.envoyAdmin, options.drainTime * 1000, (active) => {
			const limit = `at the most ${options.drainTime} s; Ctrl-C again ends at once`;
			log.info({ event: "draining", active }, `waiting for ${active} requests, ${limit}`);
		});
	}
	// Envoy before the others: it would report, and count against replicas, that they are gone.
	await supervisor.stop("envoy", KILL_AFTER_MS);
	await accessPipe?.close();
	unlisten();
	log.info({ event: "stopped" }, "stopped");
	return code;
}

function announce(servers: readonly string[], deps: GatewayDeps): void {
	const { output, serving, options } = deps;
	const url = gatewayUrl(serving);
	const adminUrl = httpUrl(serving.admin);
	if (!options.json) {
		const apiKey = serving.apiKeys !== undefined;
		process.stdout.write(`${welcome({ url, adminUrl, servers, apiKey }, coloursFor(process.stdout))}\n`);
		return;
	}
	const urls = Object.fromEntries(servers.map((id) => [id, `${url}/${id}`]));
	output.log.info(
		{ event: "ready", url, adminUrl, listen: formatAddress(serving.listen), servers: urls },
		`serving ${servers.length} servers at ${url}`,
	);
}

/** Takes the signals of this process; returns what gives them back. */
function onSignals(on: { reload: () => void; stop: () => void; now: () => void }): () => void {
	const hadTerminal = process.stdin.isTTY === true;
	let first: number | undefined;
	const stop = () => {
		if (first === undefined) {
			first = Date.now();
			on.stop();
		} else if (Date.now() - first > SAME_KEY_MS) on.now();
	};
	// A closed terminal window sends SIGHUP as well, and nobody wants a gateway to outlive its window.
	const hangup = () => (hadTerminal && !terminalIsThere() ? stop() : on.reload());
	process.on("SIGINT", stop);
	process.on("SIGTERM", stop);
	process.on("SIGHUP", hangup);
	return () => {
		process.off("SIGINT", stop);
		process.off("SIGTERM", stop);
		process.off("SIGHUP", hangup);
	};
}

function terminalIsThere(): boolean {
	try {
		closeSync(openSync("/dev/tty", "r"));
		return true;
	} catch {
		return false;
	}
}
