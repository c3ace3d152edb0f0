/** What `cdk8s synth` runs. */
import { createApp } from "./app.ts";
import { InvalidProps } from "./installation/installation.ts";

try {
	createApp(process.env).synth();
} catch (error) {
	if (!(error instanceof InvalidProps)) throw error;
	process.stderr.write(`${error.message}\n`);
	process.exitCode = 1;
}
