import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "../../support/process.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const { version } = JSON.parse(read("package.json")) as { version: string };

it.each(["mcp-gateway", "mcp-server"])("chart %s has the version of the gateway", (name) => {
	expect(parse(read(`charts/${name}/Chart.yaml`))).toMatchObject({ version, appVersion: version });
});

it("the changelog tells of this version, or of what comes after it", () => {
	const [newest, ...older] = [...read("CHANGELOG.md").matchAll(/^## \[(.+?)\]/gm)].map(([, name]) => name);
	expect(newest === "Unreleased" ? (older[0] ?? version) : newest).toBe(version);
});
