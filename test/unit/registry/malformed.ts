// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** Malformed registries and every `line:col: message` that each of them gets. */
export const malformed: readonly {
	readonly file: "r.yaml" | "r.json";
	readonly text: string;
	readonly errors: readonly string[];
}[] = [
	{ file: "r.yaml", text: "", errors: ["1:1: The file is empty. Write servers into it, or `{}` for none."] },
	{
		file: "r.yaml",
		text: "# only a comment\n",
		errors: ["1:1: The file is empty. Write servers into it, or `{}` for none."],
	},
	{
		file: "r.yaml",
		text: "a: {type: sse, url: http://a/sse, transport: streamable-http}\nb: {url: http://b, transport: websocket}\n",
		errors: [
			"1:35: `type` says `sse`, so `transport` must say the same. Remove one of them.",
			"2:31: `transport` must be `streamable-http` or `sse`.",
		],
	},
	{ file: "r.json", text: "  \n", errors: ["1:1: The file is empty. Write servers into it, or `{}` for none."] },
	{
		file: "r.json",
		text: "// only a comment\n",
		errors: ["1:1: The file is empty. Write servers into it, or `{}` for none."],
	},
	{
		file: "r.json",
		text: "[]",
		errors: [
			"1:1: A registry is a map from server id to server, not a list. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
		],
	},
	{
		file: "r.yaml",
		text: "- a\n- b\n",
		errors: [
			"1:1: A registry is a map from server id to server, not a list. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
		],
	},
	{
		file: "r.yaml",
		text: "just text\n",
		errors: [
			"1:1: A registry is a map from server id to server. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
		],
	},
	{
		file: "r.json",
		text: "42",
		errors: [
			"1:1: A registry is a map from server id to server. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
		],
	},
	{
		file: "r.yaml",
		text: "null\n",
		errors: [
			"1:1: A registry is a map from server id to server. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
		],
	},
	{
		file: "r.json",
		text: '{"a": {"endpoint": "http://a"}',
		errors: ["1:31: A `}` is expected here: a `{` before it is not closed."],
	},
	{
		file: "r.json",
		text: '{"a": {"endpoint": "http://a"} "b": {"cmd": ["x"]}}',
		errors: ["1:32: A `,` is expected here, after the value before it."],
	},
	{
		file: "r.json",
		text: '{"a": {endpoint: "http://a"}}',
		errors: [
			"1:8: This is not JSON. Texts and keys are in double quotes.",
			"1:16: A key in double quotes is expected here.",
			"1:28: A value is expected here.",
		],
	},
	{
		file: "r.json",
		text: '{"a" {"cmd": ["x"]}}',
		errors: ["1:6: A `:` is expected here, after the key.", "1:20: The file should end here, but goes on."],
	},
	{
		file: "r.json",
		text: '{"a": {"cmd": ["x]}}',
		errors: [
			'1:16: This text is not closed with `"` on its line.',
			"1:21: A `]` is expected here: a `[` before it is not closed.",
		],
	},
	{
		file: "r.json",
		text: '{"a": {"cmd": ["\\q"]}}',
		errors: ["1:16: JSON has no such escape. A backslash itself is `\\\\`."],
	},
	{
		file: "r.json",
		text: '{"a": {"cmd": ["x"]}} trailing',
		errors: ["1:23: This is not JSON. Texts and keys are in double quotes."],
	},
	{
		file: "r.json",
		text: "{'a': 1}",
		errors: [
			"1:2: This is not JSON. Texts and keys are in double quotes.",
			"1:5: A key in double quotes is expected here.",
			"1:8: A value is expected here.",
		],
	},
	{ file: "r.json", text: '{"a": }', errors: ["1:7: A value is expected here."] },
	{
		file: "r.json",
		text: "/* open\n{}",
		errors: ["1:1: This comment is not closed with `*/`.", "2:3: A value is expected here."],
	},
	{ file: "r.yaml", text: "a:\n\tcmd: [x]\n", errors: ["2:1: YAML takes no tabs for indentation. Use spaces."] },
	{
		file: "r.yaml",
		text: "a:\n  cmd: [x\nb:\n  cmd: [y]\n",
		errors: ["3:1: This line's indentation fits nothing before it."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x]}\n---\nb: {cmd: [y]}\n",
		errors: ["2:1: The file is one YAML document. Remove the `---` and what follows."],
	},
	{
		file: "r.yaml",
		text: "a: *nowhere\n",
		errors: [
			"1:4: This alias (`*name`) names no anchor that stands before it. Put the text into quotes if it is none.",
		],
	},
	{
		file: "r.yaml",
		text: 'a: {cmd: ["x]}\n',
		errors: ["2:1: A character is missing here: a `:`, a `,`, or the end of quotes or of a bracket."],
	},
	{ file: "r.yaml", text: "a:\n  cmd: [x]\n b: 1\n", errors: ["3:1: This line's indentation fits nothing before it."] },
	{ file: "r.yaml", text: "a: {cmd: [!secret x]}\n", errors: ["1:11: This tag (`!name`) is unknown. Remove it."] },
	{
		file: "r.yaml",
		text: "a: {cmd: [@x]}\n",
		errors: ["1:11: A text cannot begin with this character. Put it into quotes."],
	},
	{
		file: "r.yaml",
		text: "a: &a {env: *a}\n",
		errors: ["1:13: This alias (`*name`) refers to what it is itself a part of."],
	},
	{ file: "r.yaml", text: "? [x]\n: {cmd: [x]}\n", errors: ["1:3: A key must be plain text."] },
	{
		file: "r.yaml",
		text: "base: &b {cmd: [x]}\na:\n  <<: *b\n  cmd: [y]\n",
		errors: ["3:3: Unknown key `<<`: YAML 1.2 has no merge keys. Write the keys out."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x]}\nb: {cmd: [x]}\na: {cmd: [y]}\n",
		errors: ["3:1: `a` is there already, on line 1. Remove or rename one of them."],
	},
	{
		file: "r.json",
		text: '{\n  "a": {"cmd": ["x"]},\n  "a": {"cmd": ["x"]}\n}',
		errors: ["3:3: `a` is there already, on line 2. Remove or rename one of them."],
	},
	{
		file: "r.json",
		text: '{"a": {"cmd": ["x"],\n  "cmd": ["y"]}}',
		errors: ["2:3: `cmd` is there already, on line 1. Remove or rename one of them."],
	},
	{
		file: "r.yaml",
		text: "a:\n  cmd: [x]\n  env:\n    A: x\n    B: x\n    A: y\n",
		errors: ["6:5: `A` is there already, on line 4. Remove or rename one of them."],
	},
	{
		file: "r.json",
		text: '{"__proto__": {"cmd": ["x"]}}',
		errors: ["1:2: `__proto__` cannot be a key. Choose another name."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], __proto__: {}}\n",
		errors: ["1:15: `__proto__` cannot be a key. Choose another name."],
	},
	{
		file: "r.yaml",
		text: '"": {cmd: [x]}\n',
		errors: ["1:1: A server's id must not be empty: it is the first part of the path."],
	},
	{
		file: "r.yaml",
		text: "my server: {cmd: [x]}\n",
		errors: ["1:1: A server's id may hold letters, digits, `.`, `_` and `-` only. Write for example `my-server`."],
	},
	{
		file: "r.yaml",
		text: ".well-known: {cmd: [x]}\n",
		errors: ["1:1: The id `.well-known` is reserved. Choose another one."],
	},
	{ file: "r.yaml", text: "..: {cmd: [x]}\n", errors: ["1:1: The id `..` is reserved. Choose another one."] },
	{
		file: "r.yaml",
		text: "a/b: {cmd: [x]}\n",
		errors: ["1:1: A server's id may hold letters, digits, `.`, `_` and `-` only. Write for example `a-b`."],
	},
	{
		file: "r.yaml",
		text: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: {cmd: [x]}\n",
		errors: ["1:1: A server's id must have 128 characters at the most."],
	},
	{
		file: "r.yaml",
		text: "日本: {cmd: [x]}\n",
		errors: ["1:1: A server's id may hold letters, digits, `.`, `_` and `-` only."],
	},
	{
		file: "r.yaml",
		text: "a: http://a:1\n",
		errors: ["1:4: A server must be a map such as `{endpoint: http://host:8080/mcp}`."],
	},
	{ file: "r.yaml", text: "a:\n", errors: ["1:3: A server must be a map such as `{endpoint: http://host:8080/mcp}`."] },
	{
		file: "r.yaml",
		text: "a: [x]\n",
		errors: ["1:4: A server must be a map such as `{endpoint: http://host:8080/mcp}`."],
	},
	{
		file: "r.yaml",
		text: "a: {}\n",
		errors: [
			'1:1: This entry does not say where its server is. Write `endpoint: http://host:8080/mcp`, `cmd: ["program", "argument"]` or `chart: name`.',
		],
	},
	{
		file: "r.yaml",
		text: "a: {type: http}\n",
		errors: ["1:1: This `http` entry does not say where its server is. Write `endpoint: http://host:8080/mcp`."],
	},
	{
		file: "r.yaml",
		text: "a: {type: stdio, env: {}}\n",
		errors: ['1:1: This `stdio` entry does not say where its server is. Write `cmd: ["program", "argument"]`.'],
	},
	{
		file: "r.yaml",
		text: "a: {type: k8s}\n",
		errors: [
			"1:1: `chart` is missing: write `chart: github-server` for a folder of `charts/`, or `image` with an image.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {type: htpp, endpoint: http://a}\n",
		errors: ["1:11: `type` must be `http`, `stdio` or `k8s`. Did you mean `http`?"],
	},
	{ file: "r.yaml", text: "a: {type: docker}\n", errors: ["1:11: `type` must be `http`, `stdio` or `k8s`."] },
	{ file: "r.yaml", text: "a: {type: 3}\n", errors: ["1:11: `type` must be `http`, `stdio` or `k8s`."] },
	{
		file: "r.yaml",
		text: "a: {endpont: http://a}\n",
		errors: ["1:5: Unknown key `endpont`. Did you mean `endpoint`?"],
	},
	{ file: "r.yaml", text: "a: {uri: http://a}\n", errors: ["1:5: Unknown key `uri`. Did you mean `url`?"] },
	{
		file: "r.yaml",
		text: "a: {type: http, endpont: http://a}\n",
		errors: ["1:17: Unknown key `endpont`. Did you mean `endpoint`?"],
	},
	{
		file: "r.yaml",
		text: "a: {type: http, endpoint: http://a, cmd: [x]}\n",
		errors: ["1:37: `cmd` is a key of `stdio` servers, but `type` says `http`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, cmd: [x], replicas: 2}\n",
		errors: ["1:35: `endpoint` makes this a server of type `http`, which has no `replicas`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], endpoint: http://a, command: y, tls: {}}\n",
		errors: [
			"1:35: `command` and `cmd` say the same thing. Keep one of them.",
			"1:47: `tls` needs `https:` endpoints; these are not.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {type: stdio, url: http://a}\n",
		errors: ["1:18: `url` is a key of `http` servers, but `type` says `stdio`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, env: {A: b}}\n",
		errors: ["1:25: `endpoint` makes this a server of type `http`, which has no `env`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, url: http://b}\n",
		errors: ["1:25: `url` and `endpoint` say the same thing. Keep one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], command: y}\n",
		errors: ["1:15: `command` and `cmd` say the same thing. Keep one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], args: [y]}\n",
		errors: ["1:15: `args` goes with `command`; with `cmd` the arguments are part of its list."],
	},
	{
		file: "r.yaml",
		text: "a: {chart: x, replicas: -1, namespace: Not_OK}\n",
		errors: [
			"1:25: `replicas` must be a whole number from 0 to 1000.",
			"1:40: `namespace` must be the name of a namespace: small letters, digits and `-`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {type: k8s, chart: ../x}\n",
		errors: ["1:23: `chart` must be the name of a folder of `charts/`, such as `github-server`."],
	},
	{
		file: "r.yaml",
		text: "a: {chart: ..}\n",
		errors: ["1:12: `chart` must be the name of a folder of `charts/`, such as `github-server`."],
	},
	{
		file: "r.yaml",
		text: "a: {chart: a/b}\n",
		errors: ["1:12: `chart` must be the name of a folder of `charts/`, such as `github-server`."],
	},
	{
		file: "r.yaml",
		text: "a: {chart: x, replica: 2, cpu: 1}\n",
		errors: [
			"1:15: Unknown key `replica`. Did you mean `replicas`?",
			"1:27: Unknown key `cpu`. The keys here are `type`, `chart`, `namespace`, `manage`, `service`, `via`, `loadBalancer`, `image`, `imagePullPolicy`, `transport`, `port`, `path`, `command`, `args`, `env`, `secrets`, `resources`, `replicas`, `autoscale`, `probes`, `serviceAccount`, `nodeSelector`, `tolerations`, `runAsUser`, `drainSeconds`, `pool`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: 'a b', command: [x]}\n",
		errors: ["1:12: `image` must be the name of an image such as `ghcr.io/acme/server:1.2`."],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, command: x}\n",
		errors: ['1:24: `command` must be a list such as `["program", "--option", "value"]`, with the program first.'],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], image: y}\n",
		errors: ["1:15: `cmd` makes this a server of type `stdio`, which has no `image`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, image: y}\n",
		errors: ["1:25: `endpoint` makes this a server of type `http`, which has no `image`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {type: stdio, command: x, image: y}\n",
		errors: ["1:30: `image` is a key of `k8s` servers, but `type` says `stdio`. Remove one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {type: k8s, command: [x]}\n",
		errors: [
			"1:1: `chart` is missing: write `chart: github-server` for a folder of `charts/`, or `image` with an image.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, transport: stdio}\n",
		errors: [
			"1:1: `command` is missing: the program of a `stdio` server must be named, even if it is the image's own.",
		],
	},
	{ file: "r.yaml", text: "a: {image: x, transport: sse}\n", errors: ["1:26: `transport` must be `http` or `stdio`."] },
	{
		file: "r.yaml",
		text: "a: {image: x, transport: stdio, command: [x], path: /mcp}\n",
		errors: ["1:53: `path` is for `transport: http`: the bridge in front of a `stdio` server has a path of its own."],
	},
	{ file: "r.yaml", text: "a: {image: x, pool: {max: 3}}\n", errors: ["1:21: `pool` is for `transport: stdio`."] },
	{
		file: "r.yaml",
		text: "a: {image: x, transport: stdio, command: [''], pool: {maxx: 3, idleTimeout: 5x, min: 200}}\n",
		errors: [
			"1:43: `command[0]` must be the name or path of a program.",
			"1:55: Unknown key `maxx`. Did you mean `max`?",
			"1:77: `pool.idleTimeout` must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
			"1:86: `pool.min` must not be over `max`, which is 100.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, port: 70000, path: mcp}\n",
		errors: [
			"1:21: `port` must be a whole number from 1 to 65535.",
			"1:34: `path` must be a path such as `/mcp`, without a query, spaces or `..`; odd characters as `%20`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, path: /a?b}\n",
		errors: ["1:21: `path` must be a path such as `/mcp`, without a query, spaces or `..`; odd characters as `%20`."],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, path: /a/../b}\n",
		errors: ["1:21: `path` must be a path such as `/mcp`, without a query, spaces or `..`; odd characters as `%20`."],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, env: {A: '${TOKEN}', B: 1, C-D: x}, args: ['${hunter2}', \"\\x07\"]}\n",
		errors: [
			"1:24: `env.A` holds `${`, which is not expanded on Kubernetes. Put a secret into a Secret and name that in `secrets`; write any other value as it is.",
			"1:39: `env.B` must be text. Put it into quotes.",
			"1:42: The name of an environment variable must be letters, digits and `_`, as in `LOG_LEVEL`.",
			"1:58: `args[0]` holds `${`, which nobody expands in a pod. Write `$(NAME)` for a variable of `env` or `secrets`, or `$NAME` in a script that a shell runs.",
			"1:72: `args[1]` must not hold control characters: tools for YAML do not pass them on.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, secrets: {TOKEN: hunter2, OTHER: {name: x, kye: y}, A: {name: hunter2_, key: x}}}\n",
		errors: [
			"1:32: `secrets.TOKEN` must name a Secret and a key in it, such as `github-token/token`; the secret itself never stands here.",
			"1:41: `secrets.OTHER.key` is missing: it must name a Secret and a key in it, such as `github-token/token`; the secret itself never stands here.",
			"1:58: Unknown key `kye`. Did you mean `key`?",
			"1:77: `secrets.A.name` must name a Secret and a key in it, such as `github-token/token`; the secret itself never stands here.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, env: {A: x}, secrets: {A: x/y}}\n",
		errors: ["1:41: `secrets.A` is in `env` too. Keep one of them."],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, resources: {request: {cpu: 1}, limits: {cpu: fast, memory: 512}}}\n",
		errors: [
			"1:27: Unknown key `request`. Did you mean `requests`?",
			"1:60: `resources.limits.cpu` must be an amount of CPU such as `250m` (a quarter of a core), `0.5` or `2`; from `1m` to 1000 cores.",
			"1:74: `resources.limits.memory` must be an amount of memory with its unit, such as `256Mi` or `1Gi`; from 1 MiB on. (`m` would be thousandths of a byte.)",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, resources: {requests: {cpu: 2, memory: 128m}, limits: {cpu: 500m}}}\n",
		errors: [
			"1:43: `resources.requests.cpu` must not be over the limit, which is `500m`.",
			"1:54: `resources.requests.memory` must be an amount of memory with its unit, such as `256Mi` or `1Gi`; from 1 MiB on. (`m` would be thousandths of a byte.)",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, resources: {requests: {cpu: 2}, limits: {cpu: 500m}}}\n",
		errors: ["1:43: `resources.requests.cpu` must not be over the limit, which is `500m`."],
	},
	{
		file: "r.yaml",
		text: 'a: {image: x, transport: stdio, command: ["$(A)$(B)", c], env: {A: "", B: ""}}\n',
		errors: ["1:42: `command` names no program: `$(A)$(B)` is empty."],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, replicas: 2, autoscale: {min: 5, max: 2}}\n",
		errors: [
			"1:25: `replicas` and `autoscale` exclude each other: write how many pods there are, or between what bounds.",
			"1:45: `autoscale.min` must not be over `max`, which is 2.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, autoscale: {min: 0, cpus: 3}}\n",
		errors: [
			"1:15: `autoscale.max` is missing: it must be a whole number from 1 to 1000.",
			"1:32: `autoscale.min` must be a whole number from 1 to 1000.",
			"1:35: Unknown key `cpus`. Did you mean `cpu`?",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, probes: {readiness: {httpget: {}}, live: {}}}\n",
		errors: [
			"1:36: Unknown key `httpget`. Did you mean `httpGet`?",
			"1:50: Unknown key `live`. The keys here are `readiness`, `liveness`, `startup`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, tolerations: [{operator: Exist}], nodeSelector: {a: true}}\n",
		errors: [
			"1:40: `tolerations[0].operator` must be `Exists` or `Equal`. Did you mean `Exists`?",
			"1:67: `nodeSelector.a` must be text. Put it into quotes.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, runAsUser: 0, drainSeconds: -1, imagePullPolicy: always, serviceAccount: A}\n",
		errors: [
			"1:26: `runAsUser` must be a whole number from 1 to 2147483647; pods never run as root.",
			"1:43: `drainSeconds` must be a whole number from 0 to 3600.",
			"1:64: `imagePullPolicy` must be `Always`, `IfNotPresent` or `Never`. Did you mean `Always`?",
			"1:88: `serviceAccount` must be the name of a ServiceAccount: small letters, digits, `-` and `.`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, service: y, via: services, manage: no}\n",
		errors: [
			"1:32: `via` must be `endpoints` or `service`. Did you mean `service`?",
			"1:50: `manage` must be `true` or `false`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {image: x, service: y}\n",
		errors: ["1:24: `service` is for `manage: false`: a Service that the gateway creates is named after the server."],
	},
	{
		file: "r.yaml",
		text: "a: {type: k8s, manage: false, service: y, replicas: 2, env: {}}\n",
		errors: [
			"1:53: `replicas` is for servers that the gateway creates; with `manage: false` it only finds one. Remove one of them.",
			"1:61: `env` is for servers that the gateway creates; with `manage: false` it only finds one. Remove one of them.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: ftp://a}\n",
		errors: ["1:15: `endpoint` must begin with `http://` or `https://`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: a:8080}\n",
		errors: ["1:15: `endpoint` must be an absolute URL such as `http://host:8080/mcp`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http:a}\n",
		errors: ["1:15: `endpoint` must be an absolute URL such as `http://host:8080/mcp`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://user:hunter2@a'}\n",
		errors: [
			"1:15: `endpoint` must not hold a user name or password. Put them into `headers`, for example `Authorization: Bearer ${TOKEN}`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://${U}:${P}@a'}\n",
		errors: [
			"1:15: `endpoint` must not hold a user name or password. Put them into `headers`, for example `Authorization: Bearer ${TOKEN}`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a?key=hunter2'}\n",
		errors: [
			"1:15: `endpoint` must not hold a query (`?`) or a fragment (`#`). Put keys into `headers`; a client's query is passed on.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a#x'}\n",
		errors: [
			"1:15: `endpoint` must not hold a query (`?`) or a fragment (`#`). Put keys into `headers`; a client's query is passed on.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a:70000'}\n",
		errors: ["1:15: `endpoint` must have a port from 1 to 65535."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a:0/'}\n",
		errors: ["1:15: `endpoint` must have a port from 1 to 65535."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a:x/'}\n",
		errors: ["1:15: `endpoint` must be an absolute URL such as `http://host:8080/mcp`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://a b/'}\n",
		errors: ["1:15: `endpoint` must not hold spaces, control characters or backslashes."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a/x/../y}\n",
		errors: ["1:15: `endpoint` must not hold `.` or `..` as a part of its path."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'http://${HOST'}\n",
		errors: ["1:15: `endpoint` holds a `${` without its `}`. Close it, or write `$${` for the characters themselves."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 'ws://${HOST}'}\n",
		errors: ["1:15: `endpoint` must begin with `http://` or `https://`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: 3}\n",
		errors: ["1:15: `endpoint` must be a URL in quotes, such as `http://host:8080/mcp`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: []}\n",
		errors: ["1:16: `endpoints` must be a list of URLs (or of maps with `url` and `weight`) with at least one in it."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: http://a}\n",
		errors: ["1:16: `endpoints` must be a list of URLs (or of maps with `url` and `weight`) with at least one in it."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: [http://a, http://a/]}\n",
		errors: ["1:27: `endpoints[1]` is the same as `endpoints[0]`. Write it once, with a `weight`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: [http://a/x, http://b/y]}\n",
		errors: ["1:29: `endpoints[1]` must have the path of `endpoints[0]`: replicas share one path."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: [http://a, https://b]}\n",
		errors: ["1:27: `endpoints[1]` must have the scheme of `endpoints[0]`: replicas are all `http:` or all `https:`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: [{url: http://a, weight: 0}, {url: http://b, weight: 10001}, {url: http://c, weight: 1.5}]}\n",
		errors: [
			"1:41: `endpoints[0].weight` must be a whole number from 1 to 10000.",
			"1:69: `endpoints[1].weight` must be a whole number from 1 to 10000.",
			"1:101: `endpoints[2].weight` must be a whole number from 1 to 10000.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoints: [{uri: http://a}, 3]}\n",
		errors: [
			"1:17: `endpoints[0].url` is missing: it must be a URL in quotes, such as `http://host:8080/mcp`.",
			"1:18: Unknown key `uri`. Did you mean `url`?",
			"1:34: `endpoints[1]` must be a URL, or a map with `url` and `weight`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, authorization: drop}\n",
		errors: ["1:40: `authorization` must be `pass` or `remove`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, authorization: pass, headers: {authorization: x}}\n",
		errors: [
			"1:40: `authorization` is `pass`, but `headers` replaces the client's `Authorization`. Leave out one of them.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, loadBalancer: roundrobin}\n",
		errors: ["1:39: `loadBalancer` must be `round-robin`, `least-request` or `random`. Did you mean `round-robin`?"],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, load_balancer: random}\n",
		errors: ["1:25: Unknown key `load_balancer`. Did you mean `loadBalancer`?"],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, timeout: 5s}\n",
		errors: ["1:25: Unknown key `timeout`. Did you mean `timeouts`?"],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, colour: red}\n",
		errors: [
			"1:25: Unknown key `colour`. The keys here are `type`, `endpoint`, `endpoints`, `url`, `loadBalancer`, `headers`, `healthCheck`, `timeouts`, `tls`, `authorization`, `hostHeader`, `sessionAffinity`, `cmd`, `command`, `args`, `env`, `cwd`, `pool`, `limits`, `uid`, `gid`.",
		],
	},
	{
		file: "r.yaml",
		text: "a:\n  endpoint: http://a\n  headers:\n    Host: x\n    Transfer-Encoding: chunked\n    Mcp-Session-Id: x\n    'Authorization: Bearer hunter2': x\n    ':path': /\n    X-A: \"a\\nb\"\n    X-B: 3\n    X-C: '${hunter2!}'\n",
		errors: [
			"4:5: The header `Host` is not set here. Write `hostHeader: preserve` or `hostHeader: rewrite` beside `headers`.",
			"5:5: The header `Transfer-Encoding` belongs to one connection; the gateway sets it.",
			"6:5: The header `Mcp-Session-Id` belongs to each session; the gateway sets it.",
			"7:5: A header's name must be a word such as `Authorization`, without spaces, colon or value.",
			"8:5: A header's name must not begin with `:`; such names belong to HTTP/2 itself.",
			"9:10: `headers.X-A` must be one line, without control characters.",
			"10:10: `headers.X-B` must be text. Put it into quotes.",
			"11:10: `headers.X-C` holds a placeholder that the gateway does not know. Write `${NAME}`, `${NAME:-default}` or `${file:/path}`, or `$${` for the characters `${` themselves.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, headers: {X-A: a, x-a: b}}\n",
		errors: ["1:48: `headers.x-a` is there twice: the case of a header's name does not matter."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, headers: {X-A: ''}}\n",
		errors: ["1:40: `headers.X-A` must not be empty. Fill it in, or leave the header out."],
	},
	{
		file: "r.json",
		text: '{"a": {"cmd": ["\\ud83d\\ude00", "\\uD83D", {"\\ude00": 1}]}}',
		errors: [
			"1:32: This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.",
			"1:42: `cmd[2]` must be text. Put it into quotes.",
			"1:43: This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.",
		],
	},
	{
		file: "r.yaml",
		text: 'a: {cmd: ["\\ud83d"]}\n',
		errors: [
			"1:11: This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.",
		],
	},
	{
		file: "r.yaml",
		text: `a: {endpoint: 'http://${"long.".repeat(51)}'}\n`,
		errors: ["1:15: `endpoint` must have a host of 253 characters at the most."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, headers: [x]}\n",
		errors: ["1:34: `headers` must be a map from header name to value."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, timeouts: {connect: 5, request: 5x, idle: -1}}\n",
		errors: [
			"1:57: `timeouts.request` must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
			"1:67: `timeouts.idle` must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, timeouts: {idle: 1000h, total: 3s}}\n",
		errors: [
			"1:42: `timeouts.idle` must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
			"1:49: Unknown key `total`. The keys here are `connect`, `request`, `idle`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, healthCheck: {type: grpc, interval: 0, unhealthyThreshold: 0}}\n",
		errors: [
			"1:45: `healthCheck.type` must be `tcp`, `http` or `mcp`.",
			"1:61: `healthCheck.interval` must be longer than 0, for example `5s`.",
			"1:84: `healthCheck.unhealthyThreshold` must be a whole number from 1 to 100.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, healthCheck: {type: tcp, path: /h}}\n",
		errors: ["1:56: `healthCheck.path` is for `type: http`; a `tcp` check only opens a connection."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, healthCheck: {type: mcp, path: /h}}\nb: {endpoint: http://a, healthCheck: {path: /h, method: ping}}\nc: {endpoint: http://a, healthCheck: {method: initialize}}\n",
		errors: [
			"1:56: `healthCheck.path` is for `type: http`; an `mcp` check asks the path of the endpoint.",
			"2:57: `healthCheck.method` is for `type: mcp`.",
			"3:47: `healthCheck.method` must be `ping` or `discover`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, healthCheck: {path: h}}\n",
		errors: ["1:45: `healthCheck.path` must be a path such as `/healthz`, in ASCII and without spaces."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, healthCheck: true}\n",
		errors: ["1:38: `healthCheck` must be a map such as `{type: http, path: /healthz, interval: 5s}`."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, tls: {caFile: /x}}\n",
		errors: ["1:25: `tls` needs `https:` endpoints; these are not."],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: https://a, tls: {insecure: true, serverName: 'a b', insecureSkipVerify: yes}}\n",
		errors: [
			"1:32: Unknown key `insecure`. The keys here are `caFile`, `serverName`, `insecureSkipVerify`.",
			"1:60: `tls.serverName` must be a host name such as `mcp.example.com`.",
			"1:87: `tls.insecureSkipVerify` must be `true` or `false`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {endpoint: http://a, hostHeader: keep, sessionAffinity: 'on'}\n",
		errors: [
			"1:37: `hostHeader` must be `preserve` or `rewrite`.",
			"1:60: `sessionAffinity` must be `true` or `false`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: []}\n",
		errors: ['1:10: `cmd` must be a list such as `["program", "--option", "value"]`, with the program first.'],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: npx -y x}\n",
		errors: ['1:10: `cmd` must be a list such as `["program", "--option", "value"]`, with the program first.'],
	},
	{ file: "r.yaml", text: "a: {cmd: ['']}\n", errors: ["1:11: `cmd[0]` must be the name or path of a program."] },
	{
		file: "r.yaml",
		text: "a: {command: [npx]}\n",
		errors: ["1:14: `command` must be the name or path of a program; its arguments go into `args`."],
	},
	{
		file: "r.yaml",
		text: "a: {command: npx, args: -y}\n",
		errors: ['1:25: `args` must be a list of texts such as `["--option", "value"]`.'],
	},
	{
		file: "r.yaml",
		text: "a: {command: npx, args: [-y, 3]}\n",
		errors: ["1:30: `args[1]` must be text. Put it into quotes."],
	},
	{
		file: "r.yaml",
		text: "a:\n  cmd: [x]\n  env:\n    PORT: 8080\n    DEBUG: true\n    API_KEY=hunter2: x\n    '': x\n",
		errors: [
			"4:11: `env.PORT` must be text. Put it into quotes.",
			"5:12: `env.DEBUG` must be text. Put it into quotes.",
			"6:5: The name of an environment variable must not be empty nor hold `=` or spaces.",
			"7:5: The name of an environment variable must not be empty nor hold `=` or spaces.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], env: [A=b]}\n",
		errors: ["1:20: `env` must be a map from variable to value."],
	},
	{ file: "r.yaml", text: "a: {cmd: [x], cwd: ''}\n", errors: ["1:20: `cwd` must be the path of a folder."] },
	{
		file: "r.yaml",
		text: "a: {cmd: [x], pool: {mode: own, max: 0, idleTimeout: soon}}\n",
		errors: [
			"1:28: `pool.mode` must be `session` or `shared`.",
			"1:38: `pool.max` must be a whole number from 1 to 100000.",
			"1:54: `pool.idleTimeout` must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], limits: {memory: 512, processes: 0, cpuTime: 0}, uid: nobody, gid: -1}\n",
		errors: [
			"1:32: `limits.memory` must be a size such as `512MiB` or `2GiB`, or a number of bytes; from 16 MiB to 1024 GiB.",
			"1:48: `limits.processes` must be a whole number from 1 to 100000.",
			"1:60: `limits.cpuTime` must be longer than 0, for example `5s`.",
			"1:69: `uid` must be a number from 0 to 4294967294; names are not looked up.",
			"1:82: `gid` must be a number from 0 to 4294967294; names are not looked up.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x], limits: 1GiB}\nb: {cmd: [x], limits: {memory: 1.5GiB, cpu: 1s}}\n",
		errors: [
			"1:23: `limits` must be a map such as `{memory: 512MiB, cpuTime: 10m}`.",
			"2:32: `limits.memory` must be a size such as `512MiB` or `2GiB`, or a number of bytes; from 16 MiB to 1024 GiB.",
			"2:40: Unknown key `cpu`. The keys here are `memory`, `processes`, `cpuTime`.",
		],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: ['${file:relative}']}\n",
		errors: ["1:11: `cmd[0]` holds a `${file:...}` without an absolute path. Write `${file:/path/of/the/file}`."],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": {"comand": "npx"}}}',
		errors: ["1:23: Unknown key `comand`. Did you mean `command`?"],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": {"command": "npx", "agrs": []}}}',
		errors: ["1:41: Unknown key `agrs`. Did you mean `args`?"],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": {"command": "npx"}}, "b": {"command": "x"}}',
		errors: ["1:43: This file has its servers inside of `mcpServers`. Move this server there."],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": {"command": "npx"}}, "servers": {"b": {"command": "x"}}}',
		errors: ["1:43: This file has its servers inside of `mcpServers`. Move this map's servers there."],
	},
	{
		file: "r.json",
		text: '{"servers": {"a b": {"command": "npx"}}, "inputs": []}',
		errors: ["1:14: A server's id may hold letters, digits, `.`, `_` and `-` only. Write for example `a-b`."],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": {"url": "https://a/mcp?key=hunter2"}}}',
		errors: [
			"1:30: `url` must not hold a query (`?`) or a fragment (`#`). Put keys into `headers`; a client's query is passed on.",
		],
	},
	{
		file: "r.json",
		text: '{"mcpServers": {"a": "x"}}',
		errors: ["1:22: A server must be a map such as `{endpoint: http://host:8080/mcp}`."],
	},
	{
		file: "r.json",
		text: '{"mcpServers": []}',
		errors: ["1:16: A server must be a map such as `{endpoint: http://host:8080/mcp}`."],
	},
	{
		file: "r.yaml",
		text: "a: {cmd: [x\u0000]}\n",
		errors: ["1:12: The file holds a NUL byte. Is it a text file in UTF-8?"],
	},
	{
		file: "r.json",
		text: "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
		errors: ["1:101: This is nested more than 100 levels deep."],
	},
	{
		file: "r.yaml",
		text: "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		errors: ["1:4: This is nested more than 100 levels deep."],
	},
	{
		file: "r.yaml",
		text: "﻿a: {cmd: []}\n",
		errors: ['1:10: `cmd` must be a list such as `["program", "--option", "value"]`, with the program first.'],
	},
	{
		file: "r.json",
		text: '{\r\n  "a": {\r\n    "cmd": []\r\n  }\r\n}',
		errors: ['3:12: `cmd` must be a list such as `["program", "--option", "value"]`, with the program first.'],
	},
	{
		file: "r.yaml",
		text: "a: {endpont: http://a}\nb: {cmd: []}\nc d: {cmd: [x]}\n",
		errors: [
			"1:5: Unknown key `endpont`. Did you mean `endpoint`?",
			'2:10: `cmd` must be a list such as `["program", "--option", "value"]`, with the program first.',
			"3:1: A server's id may hold letters, digits, `.`, `_` and `-` only. Write for example `c-d`.",
		],
	},
];
