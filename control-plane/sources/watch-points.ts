/** Which folders' events can change what a path leads to. */
import { lstatSync, readlinkSync, statSync } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";

/** A folder to watch, by path and inode (a folder that was replaced is another one), and the names that matter in it. */
export interface WatchPoint {
	readonly folder: string;
	readonly inode: string;
	readonly names: ReadonlySet<string>;
}

/** As many symlinks as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Walks a path part by part as the kernel does and notes each place whose change would lead elsewhere: every symlink
 * on the way (Kubernetes swaps `..data`), the file itself, or the first part that is missing.
 */
export function watchPoints(path: string): readonly WatchPoint[] {
	const names = new Map<string, Set<string>>();
	const note = (folder: string, name: string) => {
		const known = names.get(folder);
		if (known === undefined) names.set(folder, new Set([name]));
		else known.add(name);
	};
	const root = parse(resolve(path)).root;
	let at = root;
	let rest = resolve(path).slice(root.length).split(sep).filter(Boolean);
	for (let links = 0; rest.length > 0; ) {
		const [name, ...after] = rest;
		const next = join(at, name!);
		const found = lstatSync(next, { throwIfNoEntry: false });
		if (found === undefined || rest.length === 1) note(at, name!);
		if (found === undefined) break;
		if (!found.isSymbolicLink()) {
			at = next;
			rest = after;
			continue;
		}
		note(at, name!);
		if (++links > MAX_LINKS) break;
		const target = resolve(dirname(next), readlinkSync(next));
		rest = [...target.slice(parse(target).root.length).split(sep).filter(Boolean), ...after];
		at = parse(target).root;
	}
	return [...names].flatMap(([folder, wanted]) => {
		const found = statSync(folder, { throwIfNoEntry: false });
		return found === undefined ? [] : [{ folder, inode: `${found.dev}:${found.ino}`, names: wanted }];
	});
}
