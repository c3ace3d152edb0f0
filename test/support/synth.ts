import { join } from "node:path";
import { type RunResult, run } from "../../envoy/run.ts";
import { NODE, ROOT } from "./process.ts";

const cli = join(ROOT, "node_modules/cdk8s-cli/bin/cdk8s");

/**
 * Runs `cdk8s synth` in the repository as `npx` would, with these variables; without arguments it prints the manifests. It
 * does not ask the registry of packages for a newer CLI.
 */
export function synth(variables: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<RunResult> {
	const { REGISTRY: _, VALUES: __, RELEASE: ___, NAMESPACE: ____, SERVERS: _____, ...env } = process.env;
	const path = `${join(ROOT, "node_modules/.bin")}:${env["PATH"] ?? ""}`;
	const all = ["synth", ...(args.length === 0 ? ["--stdout"] : args), "--check-upgrade=false"];
	return run(NODE, [cli, ...all], { cwd: ROOT, env: { ...env, PATH: path, ...variables }, timeoutMs: 90_000 });
}
