import { chmod, mkdir, readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../registry/write-file-atomic.ts";
import type { Bundle, CredentialStore } from "./ensure.ts";

/**
 * Credentials in a folder for each bundle, readable by their owner only, as in `xds-envoy/tls.key`. Two at work in the same
 * folder do not notice each other.
 */
export function fileStore(folder: string): CredentialStore {
	return {
		place: (name) => join(folder, name),
		async read(name) {
			const within = join(folder, name);
			const files = await readdir(within).catch(() => []);
			if (files.length === 0) return undefined;
			const texts = files.map(async (file) => [file, await readFile(join(within, file), "utf8")] as const);
			return Object.fromEntries(await Promise.all(texts)) satisfies Bundle;
		},
		async write(name, bundle) {
			const within = join(folder, name);
			await mkdir(within, { recursive: true, mode: 0o700 });
			// Made by somebody else it may be open to others.
			await chmod(within, 0o700);
			for (const [file, text] of Object.entries(bundle)) {
				await writeFileAtomic(join(within, file), text);
				await chmod(join(within, file), 0o600);
			}
		},
		async remove(name) {
			const within = join(folder, name);
			const files = await readdir(within).catch(() => undefined);
			if (files === undefined) return false;
			for (const file of ["ca.crt", "tls.crt", "tls.key", "token"]) await rm(join(within, file), { force: true });
			// Where something else is in it, it stays.
			await rmdir(within).catch(() => {});
			return true;
		},
	};
}
