/** An error that the command line reports as one sentence, without a stack, and the exit code that goes with it. */
export class CliError extends Error {
	readonly exitCode: 1 | 2;

	constructor(message: string, exitCode: 1 | 2) {
		super(message);
		this.exitCode = exitCode;
	}
}

/** The command was used wrongly; exit code 2. */
export function usage(message: string): CliError {
	return new CliError(message, 2);
}

/** What was asked for has failed, or is faulty; exit code 1. */
export function failure(message: string): CliError {
	return new CliError(message, 1);
}
