// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** What a server's pods are made of, as an entry of type k8s and a chart's `values.yaml` write it. */
import { z } from "zod";
import { problemCheck } from "./http-entry.ts";
import type { ServerValues } from "./model.ts";
import { cpuQuantity, memoryQuantity, parseQuantity } from "./quantity.ts";
import { poolFields } from "./stdio-entry.ts";

const wholeNumber = (least: number, most: number, why = "") => {
	const error = `must be a whole number from ${least} to ${most}${why}.`;
	return z.int({ error }).min(least, { error }).max(most, { error });
};
const shaped = (form: RegExp, error: string) => z.string({ error }).regex(form, { error });

/** Names of most objects: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

const IMAGE_RULE = "must be the name of an image such as `ghcr.io/acme/server:1.2`.";
const image = shaped(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/, IMAGE_RULE);

const PATH_RULE = "must be a path such as `/mcp`, without a query, spaces or `..`; odd characters as `%20`.";
const path = shaped(/^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/, PATH_RULE)
	.max(2048, { error: PATH_RULE })
	.refine((text) => new URL(`http://host${text}`).pathname === text, { error: PATH_RULE });

const IN_QUOTES = "must be text. Put it into quotes.";
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const NOT_IN_YAML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/;
const CONTROL = "must not hold control characters: tools for YAML do not pass them on.";
const argumentProblem = (text: string) => {
	if (NOT_IN_YAML.test(text)) return CONTROL;
	return text.includes("${")
		? "holds `${`, which nobody expands in a pod. Write `$(NAME)` for a variable of `env` or `secrets`, or `$NAME` in a script that a shell runs."
		: undefined;
};
const argument = z.string({ error: IN_QUOTES }).superRefine(problemCheck(argumentProblem));
const args = z.array(argument, { error: 'must be a list such as `["--option", "value"]`.' });
const COMMAND_RULE = 'must be a list such as `["program", "--option", "value"]`, with the program first.';
const command = z.array(argument, { error: COMMAND_RULE }).superRefine(([program], ctx) => {
	if (program === "") ctx.addIssue({ code: "custom", path: [0], message: "must be the name or path of a program." });
});

const envProblem = (text: string) => {
	if (NOT_IN_YAML.test(text)) return CONTROL;
	return text.includes("${")
		? "holds `${`, which is not expanded on Kubernetes. Put a secret into a Secret and name that in `secrets`; write any other value as it is."
		: undefined;
};
/** A name that shells, the bridge's placeholders and every version of Kubernetes take. */
const VARIABLE_RULE = "The name of an environment variable must be letters, digits and `_`, as in `LOG_LEVEL`.";
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,252}$/, { error: VARIABLE_RULE });
const env = z.record(variable, z.string({ error: IN_QUOTES }).superRefine(problemCheck(envProblem)), {
	error: "must be a map from variable to value.",
});

const SECRET_RULE =
	"must name a Secret and a key in it, such as `github-token/token`; the secret itself never stands here.";
const SECRET_KEY = /^[A-Za-z0-9._-]{1,253}$/;
const secret = z
	.union(
		[
			shaped(/^[a-z0-9][a-z0-9.-]{0,252}\/[A-Za-z0-9._-]{1,253}$/, SECRET_RULE).describe("Secret and key: `name/key`."),
			z
				.strictObject({
					name: shaped(NAME, SECRET_RULE).describe("Name of the Secret."),
					key: shaped(SECRET_KEY, SECRET_RULE).describe("Key in it."),
				})
				.describe("Name of a Secret, and key in it."),
		],
		{ error: SECRET_RULE },
	)
	.transform((written) => {
		if (typeof written !== "string") return written;
		const [name = "", key = ""] = written.split("/");
		return { name, key };
	});
const secrets = z.record(variable, secret, { error: "must be a map from variable to `secret/key`." });

const amounts = z
	.strictObject(
		{
			cpu: cpuQuantity.optional().describe("Cores, such as `250m` or `0.5`."),
			memory: memoryQuantity.optional().describe("Bytes, such as `256Mi`."),
		},
		{ error: "must be a map such as `{cpu: 250m, memory: 256Mi}`." },
	)
	.transform(({ cpu, memory }) => ({ ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }));
const resources = z
	.strictObject(
		{
			requests: amounts.optional().describe("What a pod is sure to get; a node that has less is not chosen."),
			limits: amounts.optional().describe("What a pod never gets more of."),
		},
		{ error: "must be a map such as `{requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 512Mi}}`." },
	)
	.transform(({ requests, limits }) => ({
		...(requests !== undefined && { requests }),
		...(limits !== undefined && { limits }),
	}));

const MAX_PODS = 1000;
const autoscale = z.strictObject(
	{
		min: wholeNumber(1, MAX_PODS).default(1).describe("Pods at the least."),
		max: wholeNumber(1, MAX_PODS).describe("Pods at the most."),
		cpu: wholeNumber(1, 1000).default(80).describe("Mean CPU of the pods to aim at, percent of what they request."),
	},
	{ error: "must be a map such as `{min: 2, max: 10, cpu: 80}`." },
);

const json = z.record(z.string(), z.unknown(), { error: "must be a map, as Kubernetes has it." }).nullish();
const count = wholeNumber(1, 3600).optional();
/** A probe as Kubernetes has it, strict: the API server refuses what it does not know. `null` takes a chart's check away. */
const probe = z.strictObject(
	{
		httpGet: json.describe("A GET of this path and port answers 2xx or 3xx."),
		tcpSocket: json.describe("This port takes connections."),
		exec: json.describe("This command in the container ends with 0."),
		grpc: json.describe("This port answers gRPC's health check."),
		initialDelaySeconds: wholeNumber(0, 3600).optional().describe("Before the first check."),
		periodSeconds: count.describe("Between two checks."),
		timeoutSeconds: count.describe("After which a check without answer has failed."),
		successThreshold: count.describe("Successes in a row until it counts as well."),
		failureThreshold: count.describe("Failures in a row until it counts as failed."),
		terminationGracePeriodSeconds: count.describe("Time to end after a failed liveness or startup probe."),
	},
	{ error: "must be a map such as `{httpGet: {path: /healthz, port: mcp}, periodSeconds: 5}`." },
);
const probes = z.strictObject(
	{
		readiness: probe.optional().describe("Whether a pod gets requests; left out: its port takes connections."),
		liveness: probe.optional().describe("Whether a container must be restarted; left out: never."),
		startup: probe.optional().describe("Holds the other two back until it has succeeded once."),
	},
	{ error: "must be a map such as `{readiness: {httpGet: {path: /healthz, port: mcp}}}`." },
);
const definedProbes = probes.transform(({ readiness, liveness, startup }) => ({
	...(readiness !== undefined && { readiness }),
	...(liveness !== undefined && { liveness }),
	...(startup !== undefined && { startup }),
}));

const toleration = z.strictObject(
	{
		key: z.string({ error: IN_QUOTES }).optional().describe("Key of the taint; left out, with `Exists`: any."),
		operator: z
			.enum(["Exists", "Equal"], { error: "must be `Exists` or `Equal`." })
			.optional()
			.describe("Default Equal."),
		value: z.string({ error: IN_QUOTES }).optional().describe("Value of the taint."),
		effect: z
			.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"], {
				error: "must be `NoSchedule`, `PreferNoSchedule` or `NoExecute`.",
			})
			.optional()
			.describe("Effect of the taint; left out: any."),
		tolerationSeconds: z
			.int({ error: "must be a whole number of seconds." })
			.optional()
			.describe("How long a pod stays after a `NoExecute` taint has come."),
	},
	{ error: "must be a map such as `{key: dedicated, operator: Equal, value: mcp, effect: NoSchedule}`." },
);

/** A pool as an entry of type stdio has it; only checked here, since it reaches the bridge in the pod as it is written. */
const pool = z
	.record(z.string(), z.unknown(), { error: "must be a map such as `{max: 20, idleTimeout: 10m}`." })
	.check((ctx) => {
		const { error } = poolFields.safeParse(ctx.value);
		for (const issue of error?.issues ?? []) ctx.issues.push({ ...issue, input: ctx.value } as z.core.$ZodRawIssue);
	});

const SERVICE_ACCOUNT_RULE = "must be the name of a ServiceAccount: small letters, digits, `-` and `.`.";

/** The values that a server is made of. Each may be left out where it is written; see `togetherProblems`. */
export const valueFields = {
	image: image.describe("Image of the server."),
	imagePullPolicy: z
		.enum(["Always", "IfNotPresent", "Never"], { error: "must be `Always`, `IfNotPresent` or `Never`." })
		.describe("When the node fetches the image."),
	transport: z
		.enum(["http", "stdio"], { error: "must be `http` or `stdio`." })
		.describe("`http`: the container serves MCP over HTTP. `stdio`: a bridge is put in front of its `command`."),
	port: wholeNumber(1, 65_535).describe("Port that the container serves MCP at."),
	path: path.describe("Path of the MCP endpoint."),
	command: command.describe("Program and arguments instead of the image's entry point; must be given for `stdio`."),
	args: args.describe("Arguments of the entry point or of `command`. `$(NAME)` is a variable's value."),
	env: env.describe("Environment variables; they go into a ConfigMap."),
	secrets: secrets.describe("Environment variables out of Secrets: from variable to `secret/key`."),
	resources: resources.describe("CPU and memory of each pod."),
	replicas: wholeNumber(0, MAX_PODS).describe("Pods; left out: what a person or an autoscaler sets, at first one."),
	autoscale: autoscale.describe(
		"Pods between two bounds, by their CPU: a HorizontalPodAutoscaler. Excludes `replicas`.",
	),
	probes: definedProbes.describe("Checks of the container, as Kubernetes has them; its port is called `mcp`."),
	serviceAccount: shaped(NAME, SERVICE_ACCOUNT_RULE).describe(
		"ServiceAccount of the pods, whose token they get; left out: the namespace's default one, and no token.",
	),
	nodeSelector: z
		.record(z.string(), z.string({ error: IN_QUOTES }), { error: "must be a map from label to value." })
		.describe("Labels that a node must have."),
	tolerations: z
		.array(toleration, { error: "must be a list of tolerations." })
		.describe("Taints of nodes that do not matter."),
	runAsUser: wholeNumber(1, 2 ** 31 - 1, "; pods never run as root").describe(
		"User of the container; must be given where the image runs as root, or names its user by a word.",
	),
	drainSeconds: wholeNumber(0, 3600).describe("A leaving pod serves its sessions so long before it is told to end."),
	pool: pool.describe("`stdio`: how processes are shared, as in an entry of type stdio."),
} as const;

/** What a chart may say beyond that. */
export const chartFields = {
	...valueFields,
	bridgeImage: image.describe("`stdio`: image that the bridge is copied from; the gateway's own with its version."),
} as const;

/** The keys of the maps in them, by path, with a name that is not fixed as `*`. */
export const valueKeys: Readonly<Record<string, readonly string[]>> = {
	"secrets.*": ["name", "key"],
	resources: ["requests", "limits"],
	"resources.requests": ["cpu", "memory"],
	"resources.limits": ["cpu", "memory"],
	autoscale: Object.keys(autoscale.shape),
	probes: Object.keys(probes.shape),
	"probes.*": Object.keys(probe.shape),
	"tolerations.*": Object.keys(toleration.shape),
	pool: Object.keys(poolFields.shape),
};

/** For `z.toJSONSchema` of anything that values are in: a pool is described as what it is checked against. */
export const schemaOptions: Parameters<typeof z.toJSONSchema>[1] & object = {
	target: "draft-2020-12",
	io: "input",
	override: ({ zodSchema, jsonSchema }) => {
		if (zodSchema !== valueFields.pool) return;
		const { $schema: _, ...pool } = z.toJSONSchema(poolFields, { target: "draft-2020-12", io: "input" });
		Object.assign(jsonSchema, pool, { description: jsonSchema.description });
	},
};

/** What is wrong with values taken together, for the key at fault. */
export interface TogetherProblem {
	readonly path: readonly string[];
	/** Goes on after the key: "must ...". */
	readonly message: string;
}

type Together = { readonly [Key in keyof ServerValues]?: ServerValues[Key] | undefined };

/** Faults of values against each other, of those that are there. */
export function togetherProblems(values: Together): readonly TogetherProblem[] {
	const problems: TogetherProblem[] = [];
	const { autoscale: scale, resources: amount = {} } = values;
	if (scale !== undefined && scale.min > scale.max) {
		problems.push({ path: ["autoscale", "min"], message: `must not be over \`max\`, which is ${scale.max}.` });
	}
	for (const kind of ["cpu", "memory"] as const) {
		const [request, limit] = [amount.requests?.[kind], amount.limits?.[kind]];
		if (request === undefined || limit === undefined || parseQuantity(request)! <= parseQuantity(limit)!) continue;
		const message = `must not be over the limit, which is \`${limit}\`.`;
		problems.push({ path: ["resources", "requests", kind], message });
	}
	for (const name of Object.keys(values.secrets ?? {})) {
		if (!Object.hasOwn(values.env ?? {}, name)) continue;
		problems.push({ path: ["secrets", name], message: "is in `env` too. Keep one of them." });
	}
	const [program] = values.command ?? [];
	const named = program?.replace(/\$\((\w+)\)/g, (reference, name: string) =>
		Object.hasOwn(values.env ?? {}, name) ? (values.env?.[name] ?? "") : reference,
	);
	// One that is written empty is told by itself.
	if (program !== "" && named === "") {
		problems.push({ path: ["command"], message: `names no program: \`${program}\` is empty.` });
	}
	return problems;
}
