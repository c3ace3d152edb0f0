import { forkFile, nextMessage } from "./child.ts";
import type { CallsResult, LoadOrder, Opened } from "./stdio-load-job.ts";

/** The load on stdio bridges, in a process of its own. */
export interface StdioLoad {
	open(order: LoadOrder & { do: "open" | "open pipe" }): Promise<Opened>;
	/** Calls for so many milliseconds. */
	run(group: number, ms: number): Promise<CallsResult>;
	close(group: number): Promise<void>;
	stop(): void;
}

export function startStdioLoad(): StdioLoad {
	const child = forkFile("stdio-load-main.ts");
	const ask = async <T>(order: LoadOrder): Promise<T> => {
		const answer = nextMessage<T>(child);
		child.send(order);
		return answer;
	};
	return {
		open: (order) => ask(order),
		run: (group, ms) => ask({ do: "run", group, ms }),
		close: (group) => ask({ do: "close", group }),
		stop: () => void child.kill("SIGKILL"),
	};
}
