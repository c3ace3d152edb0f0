// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what entries must not hold
/** Entries of type k8s for the fuzzer, and for the comparison of what the gateway and Helm make of them. */
import fc from "fast-check";

const text = fc.oneof(
	fc.constantFrom(
		"",
		"a",
		"true",
		"1e3",
		"007",
		"null",
		"~",
		" x ",
		"a\nb\n",
		"\t",
		"{{ .Values.image }}",
		"$(A)",
		"$$(A)",
		"$(B)",
		"$",
		"%",
		"<&>",
		"\u2028",
		"ü💥",
		'"\\"',
		"---\n...",
		"# no comment",
	),
	fc.string({ unit: "grapheme", maxLength: 12 }).filter((one) => !one.includes("${")),
);
const variable = fc.constantFrom("A", "B", "LOG_LEVEL", "_", "yes", "NULL", "Path2");
const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
const image = fc.constantFrom(
	"a",
	"localhost/server:1",
	"ghcr.io/acme/server@sha256:0123",
	"registry.example:5000/A/b_c:1.2-rc.1",
);
const secret = fc.oneof(
	fc.tuple(label, label).map(([name, key]) => `${name}/${key}`),
	fc.record({ name: label, key: fc.constantFrom("token", "tls.crt", "A_b-c") }),
);
const amounts = fc.record(
	{
		cpu: fc.constantFrom<string | number>("100m", "0.5", "2", 1, 0.25, 1.5),
		memory: fc.constantFrom("64Mi", "1Gi", "1.5G", "1e9", "268435456"),
	},
	{ requiredKeys: [] },
);
const probe = fc.oneof(
	fc.constantFrom<object>(
		{ httpGet: { path: "/healthz", port: "mcp" } },
		{ tcpSocket: { port: 8080 }, periodSeconds: 3 },
		{ exec: { command: ["sh", "-c", "exit 0"] } },
		{ grpc: { port: 9000 }, failureThreshold: 5 },
	),
);
const pool = fc.record(
	{
		mode: fc.constantFrom("session", "shared"),
		max: fc.integer({ min: 5, max: 100_000 }),
		min: fc.integer({ min: 0, max: 5 }),
		idleTimeout: fc.constantFrom<string | number>("30m", 1.5, 2_000_000),
	},
	{ requiredKeys: [] },
);
const scaling = fc.constantFrom<object>(
	{},
	{},
	{ replicas: 0 },
	{ replicas: 3 },
	{ autoscale: { max: 4 } },
	{
		autoscale: { min: 2, max: 2, cpu: 50 },
	},
);

const common = {
	imagePullPolicy: fc.constantFrom("Always", "IfNotPresent", "Never"),
	port: fc.integer({ min: 1, max: 65_535 }),
	args: fc.array(text, { maxLength: 3 }),
	env: fc.dictionary(variable, text, { maxKeys: 3, noNullPrototype: true }),
	secrets: fc.dictionary(variable, secret, { maxKeys: 2, noNullPrototype: true }),
	resources: fc.record(
		{ requests: amounts, limits: fc.constantFrom({}, { memory: "2Gi" }, { cpu: 4 }) },
		{ requiredKeys: [] },
	),
	probes: fc.record({ readiness: probe, liveness: probe, startup: probe }, { requiredKeys: [] }),
	serviceAccount: label,
	nodeSelector: fc.dictionary(label, label, { maxKeys: 2, noNullPrototype: true }),
	tolerations: fc.array(
		fc.constantFrom<object>(
			{ operator: "Exists" },
			{ key: "a", value: "true", effect: "NoExecute", tolerationSeconds: 5 },
		),
		{ maxLength: 2 },
	),
	runAsUser: fc.constantFrom(1, 1000, 2_147_483_647),
	drainSeconds: fc.constantFrom(0, 1, 3600),
};
const http = fc.record(
	{
		transport: fc.constant("http"),
		path: fc.constantFrom("/", "/mcp", "/a/b%20c/"),
		command: fc.array(text, { maxLength: 2 }),
		...common,
	},
	{ requiredKeys: [] },
);
const stdio = fc.record(
	{ transport: fc.constant("stdio"), command: fc.array(text, { minLength: 1, maxLength: 3 }), pool, ...common },
	{ requiredKeys: ["transport", "command"] },
);

/** An entry of a server that is created; of a chart now and then, with values over the chart's. */
export const managedEntry: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc
	.oneof(
		{ arbitrary: fc.tuple(fc.record({ image }), http, scaling), weight: 3 },
		{ arbitrary: fc.tuple(fc.record({ image }), stdio, scaling), weight: 3 },
		{
			arbitrary: fc.tuple(fc.constant({ chart: "github-server" }), fc.record(common, { requiredKeys: [] }), scaling),
			weight: 1,
		},
	)
	.map(([place, values, size]) => ({ ...place, ...values, ...size }));
