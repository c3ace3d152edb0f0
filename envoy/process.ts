/** How Envoy is started, and what its log says. */

export interface EnvoyArgs {
	readonly config: string;
	/** Worker threads; left out, Envoy takes one for each hardware thread. */
	readonly concurrency?: number | undefined;
	readonly logLevel: EnvoyLogLevel;
	/** How long Envoy goes on while it drains. */
	readonly drainSeconds: number;
}

export const envoyLogLevels = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;
export type EnvoyLogLevel = (typeof envoyLogLevels)[number];

/** Arguments for an Envoy that runs under the supervisor. */
export function envoyArgs(options: EnvoyArgs): string[] {
	return [
		"-c",
		options.config,
		// Envoy's default of ten seconds leaves who looks at the access log in the dark.
		"--file-flush-interval-msec",
		"250",
		// Hot restart needs a shared memory segment with a number that is unique on the machine; without it several
		// gateways run side by side.
		"--disable-hot-restart",
		"--drain-time-s",
		String(Math.max(1, Math.ceil(options.drainSeconds))),
		"--drain-strategy",
		"immediate",
		"--log-level",
		options.logLevel,
		// One line for each message, whatever it holds.
		"--log-format-escaped",
		"--log-format",
		"%l|%n|%v",
		...(options.concurrency === undefined ? [] : ["--concurrency", String(options.concurrency)]),
	];
}

/** A line of Envoy's log in the words of ours. */
export interface EnvoyLogLine {
	readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
	/** Envoy's component, as in `upstream` or `config`. */
	readonly component?: string;
	readonly message: string;
}

const levels: Readonly<Record<string, EnvoyLogLine["level"]>> = {
	trace: "trace",
	debug: "debug",
	info: "info",
	warning: "warn",
	error: "error",
	critical: "fatal",
};

/** Warnings that tell a person nothing. */
const expected: readonly RegExp[] = [
	// The end that we ask for.
	/^caught ENVOY_SIGTERM$/,
	// The control plane is about to start. Its socket stays when it dies, and that it died is told anyway.
	/^\w+ gRPC config stream to xds closed since .*immediate_connect_error:_No_such_file_or_directory/,
	// Envoys of 1.40 know other fields, which the .proto files do not; see `cluster.ts`.
	/Using deprecated option \\?'envoy\.config\.cluster\.v3\.Cluster\.(?:dns_refresh_rate|dns_failure_refresh_rate|respect_dns_ttl)\\?'/,
];

/** Reads a line of Envoy's stderr; one in another form (a crash, the C library) is a warning as it stands. */
export function parseEnvoyLog(line: string): EnvoyLogLine {
	const match = /^(\w+)\|([\w.]+)\|(.*)$/s.exec(line);
	const level = levels[match?.[1] ?? ""];
	if (match === null || level === undefined) return { level: "warn", message: line };
	const [, , component = "", message = ""] = match;
	return { level: expected.some((pattern) => pattern.test(message)) ? "debug" : level, component, message };
}
