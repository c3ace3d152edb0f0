import { mainFile } from "../../control-plane/cli/paths.ts";
import { type RunResult, run } from "../../envoy/run.ts";
import { NODE } from "./process.ts";

/** Runs `mcp-gateway` with these arguments to its end. */
export function call(...args: readonly string[]): Promise<RunResult> {
	return run(NODE, [mainFile, ...args], { env: { ...process.env, NO_COLOR: "1" }, timeoutMs: 90_000 });
}
