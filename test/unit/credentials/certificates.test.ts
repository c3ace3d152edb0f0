import { connect, createServer, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { xdsServerName } from "../../../control-plane/ads/credentials.ts";
import {
	makeXdsCredentials,
	type Side,
	type XdsCredentials,
	xdsCredentialsProblem,
} from "../../../control-plane/credentials/certificates.ts";

/** A handshake of a control plane with who shows these; resolves with whether the control plane has let it in. */
function handshake(controlPlane: Side, client: Partial<Side>): Promise<boolean> {
	const { ca, cert, key } = controlPlane;
	return new Promise((resolve) => {
		const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true });
		let socket: TLSSocket | undefined;
		const done = (entered: boolean) => {
			socket?.destroy();
			server.close(() => resolve(entered));
		};
		server.on("secureConnection", () => done(true));
		server.on("tlsClientError", () => done(false));
		server.listen(0, "127.0.0.1", () => {
			const { port } = server.address() as { port: number };
			socket = connect({ port, host: "127.0.0.1", servername: xdsServerName, ...client });
			socket.on("error", () => done(false));
		});
	});
}

const made = await makeXdsCredentials();

describe("the two sides", () => {
	test("let each other in, for ten years", async () => {
		expect(await handshake(made.controlPlane, made.envoy)).toBe(true);
		const inYears = (years: number) => new Date(Date.now() + years * 365 * 86_400_000);
		expect(xdsCredentialsProblem(made, inYears(9.9))).toBeUndefined();
		expect(xdsCredentialsProblem(made, inYears(10.1))).toBe("the control plane's certificate has expired");
	});

	test("let nobody else in: no certificate, one of another authority, the control plane's own", async () => {
		const { ca } = made.envoy;
		const other = await makeXdsCredentials();
		expect(await handshake(made.controlPlane, { ca })).toBe(false);
		expect(await handshake(made.controlPlane, { ...other.envoy, ca })).toBe(false);
		expect(await handshake(made.controlPlane, { ...made.controlPlane, ca })).toBe(false);
		expect(await handshake(other.controlPlane, made.envoy)).toBe(false);
		// Envoy asks for the name, which its own certificate does not have.
		expect(await handshake(made.envoy, made.envoy)).toBe(false);
	});
});

describe("what is wrong", async () => {
	const other = await makeXdsCredentials();
	const { controlPlane, envoy } = made;
	test.each<[string, XdsCredentials, string]>([
		["a part is missing", { controlPlane, envoy: { ...envoy, key: "" } }, "Envoy's certificate, key or authority"],
		[
			"there is no authority",
			{ controlPlane: { ...controlPlane, ca: "" }, envoy },
			"control plane's authority is missing",
		],
		["a key is another's", { controlPlane, envoy: { ...envoy, key: other.envoy.key } }, "Envoy's key is not"],
		["the sides are of two times", { controlPlane, envoy: other.envoy }, "does not trust Envoy's"],
		[
			"only one side knows both",
			{ controlPlane: { ...controlPlane, ca: controlPlane.ca + other.envoy.ca }, envoy: other.envoy },
			"Envoy does not trust",
		],
		["the sides are swapped", { controlPlane: envoy, envoy: controlPlane }, "does not have the name"],
	])("%s", (_, credentials, words) => {
		expect(xdsCredentialsProblem(credentials)).toContain(words);
	});
});
