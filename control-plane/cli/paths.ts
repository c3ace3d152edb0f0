import { fileURLToPath } from "node:url";

/** The checkout's root: example servers and Envoy's cache lie in it. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Where Node keeps what it has compiled of our files; see `mcp-gateway.js`. */
export const compileCache: string | undefined = `${root}/.cache/node`;

/** The file that a child process of the supervisor runs. */
export const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));
