// Runs a bundled bridge (its mcp-gateway.cjs, then its arguments), and writes at its end what V8 has compiled of it.
const { writeFileSync } = require("node:fs");

process.argv.splice(1, 1);
const { script, compiled } = require(process.argv[1]);
process.on("exit", () => writeFileSync(compiled, script.createCachedData()));
