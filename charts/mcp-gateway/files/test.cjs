// Run by `helm test`: test.cjs CONTROL_PLANE GATEWAY, both URLs. Not `mcp-gateway status`: a control plane that no Envoy
// happens to be connected to calls itself not ready, and the Service asks any of them.
const { readFileSync } = require("node:fs");
const [controlPlane, gateway] = process.argv.slice(-2);

/** Certificates are not checked: they are for the name that clients use. */
function get(url, headers = {}) {
	const { request } = require(url.startsWith("https:") ? "node:https" : "node:http");
	return new Promise((resolve, reject) => {
		const sent = request(url, { headers, rejectUnauthorized: false, timeout: 10_000 }, async (response) => {
			let text = "";
			for await (const part of response) text += part;
			resolve({ status: response.statusCode, text });
		});
		sent.on("timeout", () => sent.destroy(new Error(`${url}: no answer within 10 s`)));
		sent.on("error", reject);
		sent.end();
	});
}

async function main() {
	const token = readFileSync("/admin/token", "utf8").trim();
	const { status, text } = await get(`${controlPlane}/v1/status`, { authorization: `Bearer ${token}` });
	if (status !== 200) throw new Error(`the admin API answers ${status}: ${text}`);
	const { registry, servers } = JSON.parse(text);
	for (const { id, state, problem } of servers) console.log(`${id}: ${state}${problem ? `: ${problem}` : ""}`);
	for (const { file, line, col, message } of registry.errors) throw new Error(`${file}:${line}:${col}: ${message}`);
	// An Envoy without a listener is not behind the Service. One that wants a key, or a certificate, is well.
	const answer = await get(gateway).catch((error) => {
		if (/certificate required/i.test(error.message)) return { status: "that it wants a certificate" };
		throw error;
	});
	if (answer.status >= 500) throw new Error(`${gateway} answers ${answer.status}: ${answer.text}`);
	console.log(`${gateway} answers ${answer.status}`);
}

main().catch((error) => {
	console.error(error.message);
	process.exitCode = 1;
});
