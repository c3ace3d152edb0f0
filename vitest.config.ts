import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		globalSetup: "test/support/install-envoy.ts",
		include: ["test/**/*.test.ts"],
		// `npm run test:cluster`.
		exclude: ["test/cluster/**"],
		// End-to-end tests start a whole gateway; two cores carry it, its servers and the load.
		// A limit is for what hangs: on a busy machine a start of Node takes ten times as long as on an idle one.
		testTimeout: 120_000,
		hookTimeout: 120_000,
		expect: { poll: { timeout: 30_000 } },
		maxWorkers: 3,
	},
});
