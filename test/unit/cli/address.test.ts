import { describe, expect, test } from "vitest";
import { formatAddress, httpUrl, isLoopback, parseAddress, parseTcp } from "../../../control-plane/cli/address.ts";

describe("addresses", () => {
	test.each([
		["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
		["localhost:0", { host: "127.0.0.1", port: 0 }],
		[":80", { host: "127.0.0.1", port: 80 }],
		["9090", { host: "127.0.0.1", port: 9090 }],
		["[::1]:1", { host: "::1", port: 1 }],
		["control-plane:18000", { host: "control-plane", port: 18000 }],
		["unix:/run/x.sock", { path: "/run/x.sock" }],
		["unix:///run/x.sock", { path: "/run/x.sock" }],
	])("%s", (text, expected) => {
		expect(parseAddress(text)).toEqual(expected);
		expect(parseAddress(formatAddress(parseAddress(text)))).toEqual(expected);
	});

	test.each([
		"",
		"x",
		"127.0.0.1",
		"127.0.0.1:65536",
		"::1:80",
		"[zz]:80",
		"a:b",
		"http://a:80",
		"unix:x",
		`unix:/${"x".repeat(120)}`,
	])("refuses %j", (text) => {
		expect(() => parseAddress(text)).toThrow();
	});

	test.each([
		["127.0.0.1:1", true],
		["127.8.9.1:1", true],
		["[::1]:1", true],
		["localhost:1", true],
		["unix:/x", true],
		["0.0.0.0:1", false],
		["[::]:1", false],
		["10.0.0.1:1", false],
		["127.evil.example:1", false],
	])("%s is loopback: %s", (text, expected) => {
		expect(isLoopback(parseAddress(text))).toBe(expected);
	});

	test("URLs are reachable from this machine", () => {
		expect(["0.0.0.0:80", "[::]:81", "10.1.2.3:82"].map((text) => httpUrl(parseTcp(text)))).toEqual([
			"http://127.0.0.1:80",
			"http://[::1]:81",
			"http://10.1.2.3:82",
		]);
	});
});
