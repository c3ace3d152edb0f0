/** Bodies of the API server's answers. */
import type { Readable } from "node:stream";

/** The whole body. @throws Error where it breaks off, or takes longer than `timeoutMs`. */
export function readText(body: Readable, timeoutMs: number): Promise<string> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => body.destroy(new Error("the answer took too long")), timeoutMs);
		const chunks: Buffer[] = [];
		body.on("data", (chunk: Buffer) => chunks.push(chunk));
		body.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
		body.on("error", reject);
		body.on("close", () => clearTimeout(timer));
	});
}

/** Hands over each line that is not empty. @throws Error where the body breaks off or is silent, or of `take`. */
export function readLines(body: Readable, take: (line: string) => void, silentMs: number): Promise<void> {
	return new Promise((resolve, reject) => {
		let rest = "";
		const silent = () => body.destroy(new Error(`nothing was heard for ${silentMs / 1000} s`));
		const timer = setTimeout(silent, silentMs);
		body.setEncoding("utf8");
		body.on("data", (chunk: string) => {
			timer.refresh();
			const lines = (rest + chunk).split("\n");
			rest = lines.pop() ?? "";
			try {
				for (const line of lines) if (line !== "") take(line);
			} catch (error) {
				body.destroy(error as Error);
			}
		});
		body.on("end", resolve);
		body.on("error", reject);
		body.on("close", () => clearTimeout(timer));
	});
}
