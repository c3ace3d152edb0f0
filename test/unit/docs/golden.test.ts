import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../support/process.ts";
import { chartPage } from "./chart-page.ts";
import { cliPage } from "./cli-page.ts";
import { errorsPage } from "./errors-page.ts";
import { licencesPage } from "./licences-page.ts";
import { registryPage } from "./registry-page.ts";

/** The pages that are made from the code. `npm run golden` writes them anew and deletes the stale ones. */

const folder = join(ROOT, "docs/reference");
const update = process.env["UPDATE_GOLDEN"] === "1";

const pages: Readonly<Record<string, () => string | Promise<string>>> = {
	"registry.md": registryPage,
	"cli.md": cliPage,
	"errors.md": errorsPage,
	"licences.md": licencesPage,
	"chart.md": chartPage,
};

test.each(Object.entries(pages))("%s is what the code says", async (name, make) => {
	const text = await make();
	const file = join(folder, name);
	if (update) writeFileSync(file, text);
	expect(readFileSync(file, "utf8"), `${name} differs; look, then run: npm run golden`).toBe(text);
});

test("no other page is among them", () => {
	const stale = readdirSync(folder).filter((name) => pages[name] === undefined);
	if (update) for (const name of stale) rmSync(join(folder, name));
	else expect(stale, "pages that nothing makes; run: npm run golden").toEqual([]);
});
