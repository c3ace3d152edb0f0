import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunResult, run } from "../../../envoy/run.ts";
import { docPages } from "../../support/docs/blocks.ts";
import { installOnce, installPython } from "../../support/install-once.ts";
import { ROOT } from "../../support/process.ts";

/** The documentation's site, built by the mkdocs that docs/requirements.txt pins. */

let site: string;
let built: RunResult;

beforeAll(async () => {
	const requirements = join(ROOT, "docs/requirements.txt");
	const folder = await installOnce({
		what: "mkdocs",
		cache: "mkdocs",
		lock: requirements,
		say: (line) => console.log(line),
		install: (folder) => installPython(folder, requirements),
	});
	site = await mkdtemp(join(tmpdir(), "docs-site-"));
	const args = ["build", "--strict", "--clean", "--config-file", join(ROOT, "mkdocs.yml"), "--site-dir", site];
	built = await run(join(folder, "bin/mkdocs"), args, { timeoutMs: 120_000 });
}, 300_000);
afterAll(async () => {
	await rm(site, { recursive: true, force: true });
});

test("`mkdocs build --strict` has nothing to say: each page is in the navigation, each link and anchor leads somewhere", () => {
	const said = `${built.stdout}${built.stderr}`;
	expect(said.split("\n").filter((line) => /warn|error/i.test(line))).toEqual([]);
	expect(built.code, said).toBe(0);
});

test("every page is in the site, with its blocks as blocks and no comment of ours in sight", async () => {
	const pages = [...docPages().filter((page) => page !== "README.md"), "docs/adr/README.md"];
	const files = await readdir(site, { recursive: true });
	for (const page of pages) {
		const name = page
			.slice("docs/".length)
			.replace(/README\.md$/, "index.md")
			.replace(/\.md$/, ".html");
		expect(files).toContain(name);
		const text = readFileSync(join(site, name), "utf8");
		expect(text, name).not.toContain("```");
		expect(text.replace(/<!--.*?-->/gs, ""), name).not.toMatch(/&lt;!--|placeholder:/);
	}
	expect(files.filter((name) => name.startsWith("examples"))).toEqual([]);
});

test("links from page to page and into the repository lead to files that are there", async () => {
	const decisions = (await readdir(join(ROOT, "docs/adr"))).map((name) => `docs/adr/${name}`);
	const pages = [...docPages(), "PLAN.md", "CHANGELOG.md", ...decisions];
	const links = pages.flatMap((page) => {
		const text = readFileSync(join(ROOT, page), "utf8").replace(/^(`{3,}|~{3,}).*?^\1$/gms, "");
		const targets = [...text.matchAll(/\]\(([^()\s#]+)(?:#[^()\s]*)?\)/g)].map(([, target = ""]) => target);
		return targets.filter((target) => !/^\w+:/.test(target)).map((target) => ({ page, target }));
	});
	expect(links.length).toBeGreaterThan(40);
	expect(links.filter(({ page, target }) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
});
