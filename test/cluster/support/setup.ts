import type { TestProject } from "vitest/node";
import { envoyBinary } from "../../support/envoy.ts";
import { buildImages, type ImageName } from "../images.ts";
import { connect } from "./kube.ts";
import { loadImages } from "./load-images.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** What pods name as their image. */
		images: Readonly<Record<ImageName, string>>;
	}
}

/** Before all cluster tests: the cluster answers, Envoy is there, and the images are built and loaded. */
export default async function setup(project: TestProject): Promise<void> {
	const say = (line: string) => console.log(`cluster: ${line}`);
	const { nodes, version } = await connect();
	say(`Kubernetes ${version}, ${nodes.length === 1 ? "one node" : `${nodes.length} nodes`}`);
	await envoyBinary();
	const images = await buildImages(say);
	await loadImages(Object.values(images), nodes, say);
	const references = Object.entries(images).map(([name, { reference }]) => [name, reference]);
	project.provide("images", Object.fromEntries(references));
}
