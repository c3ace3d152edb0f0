import { beforeEach, describe, expect, test } from "vitest";
import { expectGatewayError, sendRaw } from "./client.ts";
import { recordedServer } from "./recorded.ts";

const running = recordedServer();
beforeEach(() => running.upstream.clear());

const get = (target: string) =>
	sendRaw(
		running.gateway.url,
		Buffer.from(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r1\r\n\r\n`, "latin1"),
	);

describe("dot segments are refused in every disguise", () => {
	const dots = [".", "..", "%2e", "%2E", "%2e%2e", "%2E%2e", ".%2e", "%2E."];
	const around = dots.flatMap((dot) => [`/s/${dot}/x`, `/s/${dot}`, `/s/${dot}/`, `/s/${dot}?q=1`, `/s/a/${dot}?`]);
	const slashes = ["%2f", "%2F", "%5c", "%5C", "\\"].flatMap((slash) => [
		`/s${slash}..${slash}x`,
		`/s/a${slash}..`,
		`/s/..${slash}x`,
		`/s/a${slash}%2e%2E?q`,
	]);
	const parameters = ["/s/..;/x", "/s/..;a=b", "/s/.;x/y", "/s/..%3bx/y", "/s/..%3B", "/s/%2e%2e;/x", "/s/..;?q"];
	const elsewhere = [
		"/../s",
		"/./s",
		"/s/../../etc/passwd",
		"/..",
		"/.",
		"/nosuch/../s",
		"/s//../x",
		"http://localhost/s/../y",
	];

	test.each([...around, ...slashes, ...parameters, ...elsewhere])("%s", async (target) => {
		const answer = await get(target);
		expectGatewayError(answer, "bad_path", { server: expect.toSatisfy(() => true) as never, requestId: "r1" });
		expect(running.upstream.requests).toEqual([]);
	});
});

test.each([
	"...",
	"....",
	".well-known/oauth-protected-resource",
	"a..b",
	"a.",
	"a..",
	"..a",
	".a",
	"%2e%2e%2e",
	"%2ewell-known",
	"a%2eb",
	"x;..",
	"x;a=../y".replace("../", ".._"),
	"%252e%252e/x",
	"x?a=/../b",
	"x?../..",
	"x?a=%2e%2e%2f",
	"-/.-/..-",
])("%s is no dot segment and passes", async (rest) => {
	expect((await get(`/s/${rest}`)).status).toBe(200);
	expect((await running.upstream.next()).target).toBe(`/mcp/${rest}`);
});
