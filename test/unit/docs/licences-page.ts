/** `docs/reference/licences.md`: what the images hold, from what their bills of materials are made of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type NpmPackage, packagesOf } from "../../../control-plane/sbom.ts";
import { ENVOY_VERSION } from "../../../envoy/version.ts";
import { ROOT } from "../../support/process.ts";
import { code, head, page, table } from "./markdown.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** Libraries of Debian that the bridge's image holds, with what Debian's copyright files say. */
const libraries: Readonly<Record<string, string>> = {
	libc6: "LGPL-2.1-or-later",
	"libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
	"libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
};

/** The whole page. */
export function licencesPage(): string {
	const packages = packagesOf(read("package-lock.json"));
	const { dependencies }: { dependencies: Readonly<Record<string, string>> } = JSON.parse(read("package.json"));
	const isDirect = ({ name, version }: NpmPackage) => dependencies[name] === version;
	const direct = packages.filter(isDirect);
	const others = packages.filter((one) => !isDirect(one));
	return page(
		head("Licences", "`package-lock.json` and the Dockerfiles"),
		"The gateway itself is under Apache-2.0. Each image has a bill of materials in CycloneDX with versions and hashes: " +
			`${code("/app/sbom.cdx.json")} in the control plane's, ${code("/mcp-bridge/sbom.cdx.json")} in the bridge's, whose ` +
			`${code("/mcp-bridge/licences.txt")} holds the texts. \`npm test\` fails where a package has a licence that does not let ` +
			"ours be.",
		"## npm packages that the code names",
		table(
			["package", "version", "licence"],
			direct.map(({ name, version, licence }) => [name, version, licence]),
		),
		"## npm packages that these bring",
		table(["licence", "packages"], byLicence(others)),
		"The control plane's image holds all of them; the bridge's those that its bundle is made of.",
		"## What the images hold besides",
		table(["image", "what", "licence"], besides()),
	);
}

function byLicence(packages: readonly NpmPackage[]): string[][] {
	const licences = [...new Set(packages.map(({ licence }) => licence))].sort();
	return licences.map((one) => {
		const under = packages.filter(({ licence }) => licence === one);
		return [one, under.map(({ name, version }) => `${name} ${version}`).join(", ")];
	});
}

function besides(): string[][] {
	const [, base = ""] = /^FROM (\S+) AS build$/m.exec(read("stdio-bridge/Dockerfile")) ?? [];
	const node = "MIT, and those of the libraries in it (its LICENSE file)";
	const named = [...read("stdio-bridge/Dockerfile").matchAll(/--debian (\S+)/g)].map(([, name = ""]) => name);
	return [
		["control plane", `Node, of ${code(base)}`, node],
		["control plane", `Debian packages of ${code(base)}`, "in `/usr/share/doc/*/copyright` of the image"],
		["bridge", `Node, of ${code(base)}`, node],
		...named.map((name) => ["bridge", `${name}, of ${code(base)}`, licenceOf(name)]),
		["Envoy", `${code(`envoyproxy/envoy:v${ENVOY_VERSION}`)}, as its authors publish it`, "Apache-2.0"],
	];
}

function licenceOf(library: string): string {
	const licence = libraries[library];
	if (licence === undefined) throw new Error(`the bridge's image holds ${library}, whose licence is not written down`);
	return licence;
}
