import { defineConfig } from "vitest/config";

/** `npm run test:cluster`: tests in a real Kubernetes cluster. */
export default defineConfig({
	test: {
		globalSetup: "test/cluster/support/setup.ts",
		include: ["test/cluster/**/*.test.ts"],
		// A pod takes seconds to come and to go.
		testTimeout: 180_000,
		hookTimeout: 180_000,
		// One cluster for all, which a load must have for itself.
		fileParallelism: false,
	},
});
