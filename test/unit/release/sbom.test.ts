import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageOf, packagesOf, sbomOf } from "../../../control-plane/sbom.ts";
import { ROOT } from "../../support/process.ts";

const lockText = readFileSync(join(ROOT, "package-lock.json"), "utf8");
const packages = packagesOf(lockText);

/** They allow to pass on what is under Apache-2.0; https://spdx.org/licenses/ */
const allowed = new Set([
	"0BSD",
	"Apache-2.0",
	"BSD-2-Clause",
	"BSD-3-Clause",
	"(BSD-3-Clause OR GPL-2.0)",
	"ISC",
	"MIT",
	"PSF-2.0",
	"Unlicense",
]);

it("lists what runs, also where development needs it too, and nothing else", () => {
	const names = new Set(packages.map(({ name }) => name));
	const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
	expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual(["node"]);
	expect(Object.keys(devDependencies).filter((name) => names.has(name))).toEqual(["@types/node", "ajv"]);
});

it("every licence of what the images hold allows ours", () => {
	expect(packages.filter(({ licence }) => !allowed.has(licence))).toEqual([]);
});

it.each([
	["node_modules/zod", "zod"],
	["node_modules/cliui/node_modules/@scope/name", "@scope/name"],
	["/src/node_modules/ws/lib/websocket.js", "ws"],
	["control-plane/main.ts", undefined],
])("%s belongs to %s", (path, name) => {
	expect(packageOf(path)).toBe(name);
});

it("is CycloneDX", () => {
	const [one] = packages.filter(({ name }) => name === "@fastify/swagger");
	const contents = {
		packages: [one as NonNullable<typeof one>],
		node: "24.1.0",
		debian: [["libc6", "2.36-9+deb12u13"]],
	};
	expect(sbomOf(contents as never, "1.2.3")).toEqual({
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		serialNumber: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
		version: 1,
		metadata: {
			timestamp: expect.stringMatching(/^20/),
			component: { type: "application", "bom-ref": "mcp-gateway", name: "mcp-gateway", version: "1.2.3" },
		},
		components: [
			{
				type: "library",
				"bom-ref": `pkg:npm/%40fastify/swagger@${one?.version}`,
				name: "@fastify/swagger",
				version: one?.version,
				purl: `pkg:npm/%40fastify/swagger@${one?.version}`,
				licenses: [{ expression: "MIT" }],
				hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
			},
			expect.objectContaining({ name: "node", version: "24.1.0", purl: "pkg:generic/node@24.1.0" }),
			expect.objectContaining({ name: "libc6", purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13" }),
		],
	});
});
