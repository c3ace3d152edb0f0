import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		globalSetup: "test/support/install-envoy.ts",
		include: ["test/**/*.test.ts"],
		// End-to-end tests start a whole gateway; two cores carry it, its servers and the load.
		testTimeout: 60_000,
		hookTimeout: 60_000,
		maxWorkers: 3,
	},
});
