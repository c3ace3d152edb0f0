// Runs `bridge.js` with what V8 compiled of it before, which saves a third of the time to start. Should V8 not take that
// (another Node), it compiles anew. `bundle.ts` makes both files.
const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { constants, Script } = require("node:vm");

const filename = join(__dirname, "bridge.js");
const compiled = join(__dirname, "bridge.cache");
// In the form in which Node itself wraps modules.
const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, "utf8")}\n})`;
const script = new Script(source, {
	filename,
	...(existsSync(compiled) && { cachedData: readFileSync(compiled) }),
	importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
module.exports = { script, compiled };
script.runInThisContext()({}, require, { exports: {} }, filename, __dirname);
