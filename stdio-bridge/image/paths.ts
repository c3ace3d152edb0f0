/** Stands for `control-plane/cli/paths.ts` in the bundle, which is one file in a folder of its own. */
import { dirname } from "node:path";

/** The file that Node was started with; workers are started with it, too. */
export const mainFile = process.argv[1] ?? "";

export const root = dirname(mainFile);

/** What Node would keep has been made when the image was: see `bundle.ts`. */
export const compileCache: string | undefined = undefined;
