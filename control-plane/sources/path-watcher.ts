/** Tells that what a path leads to may have changed, by events of folders and, where there are none, by polling. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { type WatchPoint, watchPoints } from "./watch-points.ts";

/** `replaced`: a name appeared or went, so the file is whole; `written`: bytes changed in place, maybe not all yet. */
export type PathEvent = "replaced" | "written";

export interface PathWatcher {
	/** Looks where the path leads now and watches there. To be called before each read, so that no change is missed. */
	refresh(): void;
	close(): void;
}

export interface PathWatcherOptions {
	readonly path: string;
	/** Time between two looks at the file's metadata, in milliseconds. */
	readonly pollMs: number;
	readonly onEvent: (event: PathEvent) => void;
	/** Called once if the system gives no (more) watches; polling goes on. */
	readonly onNoEvents: (error: unknown) => void;
}

interface Watched {
	readonly watcher: FSWatcher;
	point: WatchPoint;
}

function signature(path: string): string {
	try {
		const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
		return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
	} catch {
		return "";
	}
}

/** Starts to watch; nothing is watched before the first `refresh()`. */
export function watchPath({ path, pollMs, onEvent, onNoEvents }: PathWatcherOptions): PathWatcher {
	const watched = new Map<string, Watched>();
	let complained = false;
	let closed = false;
	let seen = signature(path);

	const noEvents = (error: unknown) => {
		if (!complained) onNoEvents(error);
		complained = true;
	};

	const open = (key: string, point: WatchPoint) => {
		try {
			const watcher = watch(point.folder, { persistent: false }, (type, name) => {
				const entry = watched.get(key);
				if (entry === undefined || (name !== null && !entry.point.names.has(name))) return;
				onEvent(type === "rename" ? "replaced" : "written");
			});
			watcher.on("error", (error) => {
				watcher.close();
				watched.delete(key);
				noEvents(error);
			});
			watched.set(key, { watcher, point });
		} catch (error) {
			noEvents(error);
		}
	};

	const points = (): readonly WatchPoint[] => {
		try {
			return watchPoints(path);
		} catch {
			// The path changed between two looks, or may not be read: the poll finds out.
			return [];
		}
	};

	const refresh = () => {
		if (closed) return;
		seen = signature(path);
		const wanted = new Map(points().map((point) => [`${point.folder}\0${point.inode}`, point]));
		for (const [key, entry] of watched) {
			if (wanted.has(key)) continue;
			entry.watcher.close();
			watched.delete(key);
		}
		for (const [key, point] of wanted) {
			const entry = watched.get(key);
			if (entry === undefined) open(key, point);
			else entry.point = point;
		}
	};

	const poll = setInterval(() => {
		if (signature(path) !== seen || points().some((point) => !watched.has(`${point.folder}\0${point.inode}`))) {
			onEvent("replaced");
		}
	}, pollMs);
	poll.unref();

	return {
		refresh,
		close() {
			closed = true;
			clearInterval(poll);
			for (const { watcher } of watched.values()) watcher.close();
			watched.clear();
		},
	};
}
