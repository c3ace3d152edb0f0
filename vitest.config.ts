import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["test/**/*.test.ts"],
		// End-to-end tests start a whole gateway; two cores carry it, its servers and the load.
		testTimeout: 60_000,
		hookTimeout: 60_000,
		maxWorkers: 3,
		reporters: process.env["CI"] === undefined ? ["default"] : ["default", "json"],
		outputFile: { json: ".cache/test-results.json" },
	},
});
