import { envoyBinary } from "./envoy.ts";

/** Before all tests: Envoy is there, so that parallel test files do not each fetch it. */
export default async function setup(): Promise<void> {
	await envoyBinary();
}
