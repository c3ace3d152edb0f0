import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { OWNER_LABEL } from "../../control-plane/kubernetes/names.ts";
import { run } from "../../envoy/run.ts";
import { blocksOf, docPages } from "../support/docs/blocks.ts";
import { makePageFolder } from "../support/docs/page-folder.ts";
import { runPage } from "../support/docs/run-page.ts";
import { eventually } from "../support/gateway.ts";
import { rendered } from "../support/helm.ts";
import { asAdmin } from "./support/api.ts";
import { describePods } from "./support/describe-pods.ts";
import { loadDocumentedImages } from "./support/documented-images.ts";
import { labelled } from "./support/inventory.ts";
import { core } from "./support/kube.ts";

/** The commands of the documentation that a reader runs in a cluster, page by page. Each page ends with nothing of ours left. */

const pages = docPages().map((page) => [page, blocksOf(page)] as const);
const clusterPages = pages.filter(([, blocks]) =>
	blocks.some(({ mark }) => mark?.kind === "run" && mark.place === "cluster"),
);
const values = pages.flatMap(([, blocks]) => blocks.filter(({ mark }) => mark?.kind === "values"));

beforeAll(loadDocumentedImages, 600_000);

const namespaces = async () => (await core.listNamespace()).items.map(({ metadata }) => metadata?.name ?? "");

test("there are such pages", () => {
	expect(clusterPages.length).toBeGreaterThan(0);
	expect(values.length).toBeGreaterThan(0);
});

describe("commands", () => {
	test.each(clusterPages)("%s", { timeout: 900_000 }, async (_, blocks) => {
		const before = await namespaces();
		const folder = await makePageFolder();
		const made = async () => (await namespaces()).filter((name) => !before.includes(name));
		try {
			await runPage(blocks, { folder, place: "cluster", timeoutMs: 300_000 });
			const request = await asAdmin();
			await eventually("all that is the gateway's is gone", async () => {
				const left = await labelled(request, "app.kubernetes.io/name=mcp-gateway");
				return left.length === 0 && (await labelled(request, OWNER_LABEL)).length === 0;
			});
		} catch (error) {
			for (const name of await made()) console.error(await describePods(name));
			throw error;
		} finally {
			await folder.remove();
			for (const name of await made()) await core.deleteNamespace({ name, gracePeriodSeconds: 0 });
		}
	});
});

// Where there is no Docker another test proves each of these: `test/support/docs/proofs.ts`.
if ((await run("docker", ["compose", "version"])).code === 0) {
	const dockerPages = pages.filter(([, blocks]) =>
		blocks.some(({ mark }) => mark?.kind === "run" && mark.place === "docker"),
	);
	test.each(dockerPages)("with Docker: %s", { timeout: 1_800_000 }, async (_, blocks) => {
		const folder = await makePageFolder({ copies: true });
		try {
			await runPage(blocks, { folder, place: "docker", timeoutMs: 900_000 });
		} finally {
			await folder.remove();
		}
	});
}

describe("values", () => {
	test.each(values.map((block) => [`${block.page}:${block.line}`, block] as const))("%s", async (_, { text }) => {
		expect((await rendered("gw", "mcp-gateway", "mcp", parse(text))).length).toBeGreaterThan(5);
	});
});
