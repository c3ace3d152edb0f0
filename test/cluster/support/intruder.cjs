/**
 * Run in a pod: tries what somebody without credentials would. Its last argument is a JSON object with `xds` (HOST:PORT), `admin`
 * (HOST:PORT), `envoys` (addresses), `gateway` (HOST:PORT) and `message` (base64 of a gRPC message). Prints what came of
 * each attempt, as JSON. `tls` holds the certificate that it shows.
 */
const http = require("node:http");
const http2 = require("node:http2");
const net = require("node:net");
const { xds, admin, envoys, gateway, message, tls = {} } = JSON.parse(process.argv.at(-1));

/** Asks for clusters as an Envoy does; resolves with what was received, or why nothing was. */
function askXds(url, options) {
	return new Promise((resolve) => {
		let received = Buffer.alloc(0);
		const session = http2.connect(url, options);
		const done = (outcome) => {
			clearTimeout(timer);
			session.destroy();
			resolve(outcome);
		};
		const failed = (error) => done({ received: received.length, error: error.code ?? error.message });
		const timer = setTimeout(() => failed(new Error("nothing within 5 s")), 5000);
		session.on("error", failed);
		session.on("close", () => failed(new Error("closed")));
		const stream = session.request({
			":method": "POST",
			":path": "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
			"content-type": "application/grpc",
			te: "trailers",
		});
		stream.on("error", failed);
		stream.on("data", (data) => {
			received = Buffer.concat([received, data]);
			done({ received: received.length });
		});
		stream.write(Buffer.from(message, "base64"));
	});
}

function ask(method, url, headers = {}) {
	return new Promise((resolve) => {
		const sent = http.request(url, { method, headers, timeout: 5000 }, (response) => {
			response.resume();
			resolve(response.statusCode);
		});
		sent.on("timeout", () => sent.destroy(new Error("timeout")));
		sent.on("error", (error) => resolve(error.code ?? error.message));
		sent.end();
	});
}

function connects(host, port) {
	return new Promise((resolve) => {
		const socket = net.connect(port, host);
		socket.setTimeout(5000, () => socket.destroy(new Error("timeout")));
		socket.on("connect", () => {
			socket.destroy();
			resolve("connected");
		});
		socket.on("error", (error) => resolve(error.code ?? error.message));
	});
}

(async () => {
	const unchecked = { rejectUnauthorized: false, servername: "control-plane.mcp-gateway", ALPNProtocols: ["h2"] };
	const found = {
		plain: await askXds(`http://${xds}`, {}),
		withoutCertificate: await askXds(`https://${xds}`, unchecked),
		withCertificate: await askXds(`https://${xds}`, { ...unchecked, ...tls }),
		admin: {
			status: await ask("GET", `http://${admin}/v1/status`),
			registry: await ask("GET", `http://${admin}/v1/registry`),
			remove: await ask("DELETE", `http://${admin}/v1/servers/web`),
			wrongToken: await ask("GET", `http://${admin}/v1/status`, { authorization: "Bearer 0123456789abcdef0123" }),
			metrics: await ask("GET", `http://${admin}/metrics`),
		},
		envoys: await Promise.all(
			envoys.map(async (host) => ({
				admin: await connects(host, 9901),
				quit: await ask("POST", `http://${host}:9902/quitquitquit`),
				dump: await ask("GET", `http://${host}:9902/config_dump`),
				stats: await ask("GET", `http://${host}:9902/stats`),
			})),
		),
		gateway: await connects(...gateway.split(":")),
	};
	console.log(JSON.stringify(found));
})();
