import { dirname } from "node:path";
import { expect, test } from "vitest";
import { blocksOf, docPages } from "../../support/docs/blocks.ts";
import { makePageFolder } from "../../support/docs/page-folder.ts";
import { runPage } from "../../support/docs/run-page.ts";
import { envoyBinary } from "../../support/envoy.ts";
import { startNetwork } from "../../support/network.ts";

/** The commands of README.md and the documentation that a reader runs on one machine, each page in a network of its own. */

const pages = docPages().flatMap((page) => {
	const blocks = blocksOf(page);
	const commands = blocks.filter(({ mark }) => mark?.kind === "run" && mark.place.startsWith("local"));
	return commands.length === 0 ? [] : [[page, blocks] as const];
});

test("there are such pages", () => {
	expect(pages.map(([page]) => page)).toContain("docs/quick-start.md");
});

test.each(pages)("%s", { timeout: 600_000 }, async (_, blocks) => {
	const folder = await makePageFolder({ programs: [dirname(await envoyBinary())] });
	const network = await startNetwork();
	try {
		await runPage(blocks, { folder, place: "local", within: network.host.within, timeoutMs: 90_000 });
	} finally {
		await network.close();
		await folder.remove();
	}
});
