/** What proves the commands of the documentation that no test runs as they stand there. */

/** Commands of blocks `checkout`: what runs each. Paths are from the repository's root, `.ci/run: COMMAND` is a step of it. */
export const checkoutProofs: Readonly<Record<string, string>> = {
	"npm ci && npm start": "test/e2e/up.test.ts",
	"npm ci && npm test": ".ci/run: npm test",
	"npm run test:unit": ".ci/run: npm test",
	"npm run lint": ".ci/run: npm run --silent lint",
	"npm run typecheck": ".ci/run: npm run --silent typecheck",
	"npm run golden": "test/unit/docs/golden.test.ts",
	// All of it takes an hour: the test runs its `--help`, which loads every section.
	"npm run bench": "test/e2e/docs/bench.test.ts",
	"npm run test:cluster:images": ".ci/run: npm run --silent test:cluster:images",
	'CLUSTER_LOAD="kind load image-archive" npm run test:cluster': ".ci/run: npm run test:cluster",
	"pip install -r docs/requirements.txt": "test/e2e/docs/site.test.ts",
	"mkdocs build --strict": "test/e2e/docs/site.test.ts",
};

const initialize =
	'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}';

/** Commands of blocks `docker`, with the test that proves each where there is no docker. */
export const dockerProofs: Readonly<Record<string, string>> = {
	"docker compose up --build --wait": "test/cluster/compose.test.ts",
	[`curl -fsS http://127.0.0.1:8080/everything -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -d '${initialize}'`]:
		"test/cluster/compose.test.ts",
	"docker compose exec control-plane node /app/control-plane/cli/mcp-gateway.js status --admin-token-file /admin/token":
		"test/cluster/compose.test.ts",
	"docker compose down --volumes": "test/unit/release/compose.test.ts",
	"docker run --rm --entrypoint cat mcp-gateway:0.1.0 /app/sbom.cdx.json": "test/cluster/compose.test.ts",
};
