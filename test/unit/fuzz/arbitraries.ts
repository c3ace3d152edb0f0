// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** Registry entries for the fuzzer: every key of the schema, with values from the plain to the odd. */
import fc from "fast-check";
import { managedEntry } from "./kubernetes.ts";

/** What placeholders of generated entries stand for. */
export const environment: Readonly<Record<string, string>> = {
	HOST: "from-env.example",
	PORT: "8443",
	URL: "https://from-env.example/mcp",
	TOKEN: "from-env",
	EMPTY: "",
	ODD: 'ü 💥 %REQ(x)% "\\',
	TWO_LINES: "a\r\nb: c",
};

/** Mostly plain values, now and then an odd one: else hardly any entry of ten keys would parse. */
const odd = <T>(plain: fc.Arbitrary<T>, strange: fc.Arbitrary<T>) =>
	fc.oneof({ arbitrary: plain, weight: 14 }, { arbitrary: strange, weight: 1 });

/** A value of a kind that no key takes where it stands. */
const wrong: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(null, true, -1, Number.MAX_VALUE, "", [], {}, [[]], {
	a: 1,
});
const sometimesWrong = (value: fc.Arbitrary<unknown>) =>
	fc.oneof({ arbitrary: value, weight: 60 }, { arbitrary: wrong, weight: 1 });

const placeholder = fc.constantFrom(
	"${TOKEN}",
	"${EMPTY}",
	"${ODD}",
	"${MISSING:-\ud83d}",
	"${TWO_LINES}",
	"${MISSING}",
	"${MISSING:-}",
	"${MISSING:-de}fault}",
	"${env:TOKEN}",
	"${file:/secret}",
	"${input:x}",
	"$${TOKEN}",
	"$$${TOKEN}",
	"$",
	"${",
);

const oddText = fc.oneof(
	fc.constantFrom(
		"",
		" ",
		"\t",
		"%",
		"%REQ(x)%",
		"%%",
		"ü",
		"💥",
		"\ud83d",
		"\x80",
		"\u2028",
		"\0",
		"\x01",
		"\x7f",
		"a\nb",
	),
	fc.string({ unit: "binary", maxLength: 12 }),
	placeholder,
	fc
		.tuple(fc.constantFrom("a", "ü", "${TOKEN}"), fc.constantFrom(100, 5000))
		.map(([text, times]) => text.repeat(times)),
);
const text = odd(fc.stringMatching(/^[A-Za-z0-9 ._-]{1,20}$/), oddText);

const constantHosts =
	"127.0.0.1 10.0.0.1 0.0.0.0 255.255.255.255 0x7f.1 1.2.3 2130706433 [::1] [::] [fe80::1] [::ffff:1.2.3.4] [2001:DB8::0:1] " +
	"[1:2] [fe80::1%25eth0] 1.2.3.4.5 256.1.1.1 localhost LOCALHOST localhost. a.localhost api.example.com api.example.com. " +
	"a_b -a- a..b .a xn--bcher-kva.example bücher.example faß.de 💥.example a'b a$b a%62 a*b * a,b a;b (a) ~ {a} a|b a^b a`b a\"b <a> " +
	"${HOST} ${HOST}.svc ${ODD} ${MISSING:-h} a${EMPTY}";
const host = fc.oneof(
	{ arbitrary: fc.constantFrom("127.0.0.1", "localhost", "api.example.com", "[::1]"), weight: 4 },
	{
		arbitrary: fc.oneof(
			fc.domain(),
			fc.ipV4(),
			fc.ipV4Extended(),
			fc.ipV6().map((ip) => `[${ip}]`),
		),
		weight: 3,
	},
	{
		arbitrary: fc.constantFrom(...constantHosts.split(" "), "a".repeat(64), `${"a".repeat(60)}.`.repeat(9)),
		weight: 3,
	},
);
const port = odd(
	fc.oneof(
		fc.constantFrom("", ":80", ":443", ":8080"),
		fc.integer({ min: 1, max: 65_535 }).map((n) => `:${n}`),
	),
	fc.constantFrom(":", ":0", ":00080", ":65536", ":${PORT}", ":x", ":-1"),
);
const constantPaths =
	"/%41 /%zz /% /%25 /ü /💥 /' /{x} /{x} /<> /%REQ(x)% /%PATH% // //a /a//b /;a=b /:80 /* /%00 /%0d%0a /%ff /$ /$$ /$1 /^ /` /| " +
	"/\\1 /.. /... /a/. /%2e%2e/a /..%2f /%2f /%5c /${TOKEN} /${ODD} /${EMPTY} /?a /#a /@ /a@b /~ /!$&'()*+,;= /[] /\\d";
const path = fc.oneof(
	{ arbitrary: fc.constantFrom("", "/", "/mcp", "/mcp/", "/a/b"), weight: 6 },
	{
		arbitrary: fc.oneof(fc.webPath(), fc.constantFrom(...constantPaths.split(" "), `/${"a".repeat(5000)}`)),
		weight: 2,
	},
);
const scheme = fc.constantFrom("http", "https", "http", "https", "HTTP", "httpS", "${MISSING:-http}");
const url = fc.oneof(
	{ arbitrary: fc.tuple(scheme, host, port, path).map(([s, h, po, pa]) => `${s}://${h}${po}${pa}`), weight: 20 },
	{ arbitrary: fc.oneof(fc.constant("${URL}"), fc.webUrl(), oddText), weight: 1 },
);

/** Several replicas: as a rule with one scheme and one path, as they must have. */
const urls = odd(
	fc
		.tuple(fc.constantFrom("http", "https"), path, fc.uniqueArray(fc.tuple(host, port), { minLength: 1, maxLength: 4 }))
		.map(([s, pa, places]) => places.map(([h, po]) => `${s}://${h}${po}${pa}`)),
	fc.array(url, { maxLength: 3 }),
);
const weight = odd(fc.integer({ min: 1, max: 10_000 }), fc.constantFrom<number>(0, -1, 1.5, 10_001, 2 ** 32));
const endpoints = fc
	.tuple(urls, fc.array(fc.option(weight, { freq: 3 }), { minLength: 4, maxLength: 4 }))
	.map(([list, weights]) =>
		list.map((one, index) => {
			const share = weights[index] ?? null;
			return share === null ? one : { url: one, weight: share };
		}),
	);

const duration = odd(
	fc.oneof(
		fc.constantFrom<string | number>(0, "0", "1ms", "500ms", "5s", "1.5m", "1h", "0.1ms", "596h", 0.0001, 2_147_483),
		fc.integer({ min: 1, max: 86_400 }),
		fc.double({ min: 0, max: 1000, noNaN: true }),
	),
	fc.constantFrom<string | number>(
		"1d",
		"5 s",
		"5S",
		"-1s",
		"1e3s",
		"2147483648ms",
		"597h",
		2_147_484,
		-1,
		"0x1s",
		"1.s",
		"٣s",
	),
);
const count = odd(fc.integer({ min: 1, max: 100 }), fc.constantFrom(0, 101, 1.5, -1));

const headerName = fc.oneof(
	{
		arbitrary: fc.constantFrom("Authorization", "X-Api-Key", "Cookie", "content-type", "Accept", "User-Agent", "x_y"),
		weight: 4,
	},
	{ arbitrary: fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/), weight: 2 },
	{
		arbitrary: fc.constantFrom(
			...(
				"x-envoy-retry-on x-mcp-gateway-path mcp-method mcp-protocol-version Host TE connection :path :x Mcp-Session-Id " +
				"__proto__ constructor expect via date x%y ~`| origin x-forwarded-for x-request-id"
			).split(" "),
			"a b",
			"",
			"ü",
			"x".repeat(300),
		),
		weight: 1,
	},
);
const headerValue = fc.oneof({ arbitrary: text, weight: 3 }, { arbitrary: placeholder, weight: 1 });
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 3, noNullPrototype: true });

const healthCheck = fc.oneof(
	fc.record(
		{ interval: duration, timeout: duration, unhealthyThreshold: count, healthyThreshold: count },
		{ requiredKeys: [] },
	),
	fc.record(
		{
			type: fc.constant("http"),
			path: odd(
				fc.constantFrom("/", "/healthz", "/a?b=c"),
				fc.oneof(
					path,
					oddText.map((t) => `/${t}`),
				),
			),
		},
		{ requiredKeys: [] },
	),
	fc.record(
		{ type: fc.constant("mcp"), method: fc.constantFrom("ping", "discover"), interval: duration },
		{ requiredKeys: [] },
	),
	fc.record({ type: fc.constantFrom("tcp", "http", "mcp", "grpc"), path: fc.constant("/h") }, { requiredKeys: [] }),
);

const tls = fc.record(
	{
		caFile: fc.constantFrom("/good.pem", "/good.pem", "/two.pem", "/broken.pem", "/missing.pem", "\0", "${TOKEN}"),
		serverName: odd(
			fc.oneof(fc.domain(), fc.constantFrom("a.example", "10.0.0.1", "*.example")),
			fc.oneof(fc.constantFrom("a".repeat(64), "a".repeat(300), "ü.example", "a.", "::1", "%", "${HOST}"), oddText),
		),
		insecureSkipVerify: fc.boolean(),
	},
	{ requiredKeys: [] },
);

const httpOptions = {
	type: fc.constantFrom("http", "streamable-http", "sse"),
	transport: fc.constantFrom("streamable-http", "sse"),
	loadBalancer: fc.constantFrom("round-robin", "least-request", "random"),
	headers: sometimesWrong(headers),
	healthCheck: sometimesWrong(healthCheck),
	timeouts: sometimesWrong(fc.record({ connect: duration, request: duration, idle: duration }, { requiredKeys: [] })),
	tls: sometimesWrong(tls),
	authorization: fc.constantFrom("pass", "remove"),
	hostHeader: fc.constantFrom("preserve", "rewrite"),
	sessionAffinity: fc.boolean(),
};

/** An HTTP entry. `tls` beside `http:` and two words for one transport are faults, so they are seldom left together. */
const httpEntry = fc
	.tuple(
		fc.oneof(
			fc.record({ endpoint: sometimesWrong(url) }),
			fc.record({ url }),
			fc.record({ endpoints: sometimesWrong(endpoints) }),
		),
		fc.record(httpOptions, { requiredKeys: [] }),
		fc.integer({ min: 0, max: 9 }),
	)
	.map(([place, options, keep]): object => {
		const { tls: itsTls, transport, ...rest } = options;
		const https = /https/i.test(JSON.stringify(place)) || keep === 0;
		return {
			...place,
			...rest,
			...(itsTls !== undefined && https ? { tls: itsTls } : {}),
			...(transport !== undefined && (rest.type === undefined || keep === 0) ? { transport } : {}),
		};
	});

const env = fc.dictionary(odd(fc.stringMatching(/^[A-Z_]{1,8}$/), oddText), text, {
	maxKeys: 3,
	noNullPrototype: true,
});
const stdioOptions = {
	type: fc.constant("stdio"),
	env: sometimesWrong(env),
	cwd: text,
	uid: fc.integer({ min: -1, max: 70_000 }),
	gid: fc.integer({ min: -1, max: 70_000 }),
	limits: sometimesWrong(
		fc.record(
			{
				memory: fc.constantFrom("512MiB", "2g", 67_108_864),
				processes: fc.integer({ min: 0, max: 100_001 }),
				cpuTime: duration,
			},
			{ requiredKeys: [] },
		),
	),
	pool: sometimesWrong(
		fc.record(
			{
				mode: fc.constant("session"),
				max: fc.integer({ min: 0, max: 100_001 }),
				idleTimeout: duration,
				startTimeout: duration,
			},
			{ requiredKeys: [] },
		),
	),
};
const stdioEntry = fc
	.tuple(
		fc.oneof(
			fc.record({ cmd: fc.array(text, { minLength: 1, maxLength: 4 }) }),
			fc.record({ command: text, args: fc.array(text, { maxLength: 3 }) }, { requiredKeys: ["command"] }),
		),
		fc.record(stdioOptions, { requiredKeys: [] }),
	)
	.map(([place, options]): object => ({ ...place, ...options }));

const anyPort = fc.integer({ min: -1, max: 65_536 });
const k8sPlace = {
	type: fc.constant("k8s"),
	namespace: odd(fc.stringMatching(/^[a-z0-9]{1,10}$/), oddText),
	via: fc.constantFrom("endpoints", "service"),
	loadBalancer: fc.constantFrom("round-robin", "least-request", "random"),
};
const k8sEntry: fc.Arbitrary<object> = fc.oneof(
	fc.record({ chart: text, replicas: fc.integer({ min: -1, max: 1001 }), ...k8sPlace }, { requiredKeys: ["chart"] }),
	fc
		.tuple(managedEntry, fc.record({ ...k8sPlace, path }, { requiredKeys: [] }))
		.map(([one, other]) => ({ ...one, ...other })),
	fc.record(
		{ ...k8sPlace, manage: fc.constant(false), service: text, port: anyPort, path, env, secrets: env },
		{ requiredKeys: ["type", "manage"] },
	),
);

/** An entry that has an endpoint and a command, and no type: it is detected. */
const eitherEntry = fc.tuple(httpEntry, stdioEntry).map(([http, stdio]): object => {
	const { type: _, transport: __, ...both } = { ...http, ...stdio } as Record<string, unknown>;
	return both;
});

/** One server's entry of any kind, now and then with a key that nobody knows. */
export const entry: fc.Arbitrary<object> = fc
	.tuple(
		fc.oneof(
			{ arbitrary: httpEntry, weight: 8 },
			{ arbitrary: stdioEntry, weight: 2 },
			{ arbitrary: eitherEntry, weight: 1 },
			{ arbitrary: k8sEntry, weight: 2 },
		),
		fc.constantFrom("timeout", "heders", "x y", "__proto__", "description", "disabled", ...Array<null>(100).fill(null)),
	)
	.map(([made, extra]) => (extra === null ? made : Object.fromEntries([...Object.entries(made), [extra, "x"]])));

/** Ids: plain, odd but valid, and wrong ones. */
export const serverId = fc.oneof(
	{ arbitrary: fc.stringMatching(/^[A-Za-z0-9._-]{1,16}$/), weight: 8 },
	{
		arbitrary: fc.constantFrom(
			...(
				"... -a --help 0 1e3 true null constructor toString hasOwnProperty xds mcp system-roots api-keys servers type " +
				"mcpServers endpoint .a a. .. .well-known __proto__ a/b ü %2e"
			).split(" "),
			"a".repeat(128),
			"a".repeat(129),
			"",
		),
		weight: 1,
	},
);

/** A registry's plain value, in the gateway's own format or in that of another tool. */
export const registryValue: fc.Arbitrary<object> = fc
	.tuple(
		fc.dictionary(serverId, entry, { maxKeys: 4, noNullPrototype: true }),
		fc.constantFrom("", "", "", "mcpServers", "servers"),
	)
	.map(([servers, wrapper]) => (wrapper === "" ? servers : { [wrapper]: servers }));
