import { execFile } from "node:child_process";

/** Runs kubectl with this on its stdin; resolves with all that it prints, warnings included. @throws where it fails. */
export function kubectl(args: readonly string[], input = ""): Promise<string> {
	return new Promise((resolve, reject) => {
		const child = execFile("kubectl", [...args], { maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) => {
			if (error === null) resolve(stdout + stderr);
			else reject(error);
		});
		child.stdin?.end(input);
	});
}
