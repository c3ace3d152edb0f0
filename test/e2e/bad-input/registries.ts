// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";

export interface RegistryRow {
	readonly name: string;
	/** Text or bytes of the file. */
	readonly content: string | Buffer;
	/** By the file's ending it is read as JSON or as YAML; YAML unless told. */
	readonly json?: true;
	/** `line:col: message` of every fault. */
	readonly faults: readonly string[];
}

/** The file itself is no registry. */
export interface FileRow {
	readonly name: string;
	readonly make: (path: string) => void;
	readonly message: string;
}

const id = "A server's id may hold letters, digits, `.`, `_` and `-` only.";
const credentials =
	"must not hold a user name or password. Put them into `headers`, for example `Authorization: Bearer ${TOKEN}`.";
const query =
	"must not hold a query (`?`) or a fragment (`#`). Put keys into `headers`; a client's query is passed on.";
const absolute = "must be an absolute URL such as `http://host:8080/mcp`.";
const duration = "must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.";
const weight = "must be a whole number from 1 to 10000.";
const half = "This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.";
const empty = "The file is empty. Write servers into it, or `{}` for none.";
const deep = "This is nested more than 100 levels deep.";
const program = 'must be a list such as `["program", "--option", "value"]`, with the program first.';

const yaml = (name: string, content: string, ...faults: string[]): RegistryRow => ({ name, content, faults });
const json = (name: string, content: string, ...faults: string[]): RegistryRow => ({
	name,
	content,
	json: true,
	faults,
});
/** An endpoint in quotes; its fault is where it begins. */
const endpoint = (name: string, url: string, fault: string) =>
	yaml(`an endpoint ${name}`, `a: {endpoint: '${url}'}\n`, `1:15: \`endpoint\` ${fault}`);

const bomb = `${["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", ...Array.from({ length: 8 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(", ")}]`)].join("\n")}\n`;

export const registries: readonly RegistryRow[] = [
	yaml("nothing", "", `1:1: ${empty}`),
	yaml("a byte order mark and nothing else", "\ufeff", `1:1: ${empty}`),
	yaml("a byte order mark before a fault", "\ufeffa: {cmd: []}\n", `1:10: \`cmd\` ${program}`),
	yaml("a NUL", "a: {cmd: [x\0]}\n", "1:12: The file holds a NUL byte. Is it a text file in UTF-8?"),
	yaml("tabs", "a:\n\tcmd: [x]\n", "2:1: YAML takes no tabs for indentation. Use spaces."),
	yaml(
		"two documents",
		"a: {cmd: [x]}\n---\nb: {cmd: [x]}\n",
		"2:1: The file is one YAML document. Remove the `---` and what follows.",
	),
	yaml(
		"an id twice",
		"a: {cmd: [x]}\na: {cmd: [y]}\n",
		"2:1: `a` is there already, on line 1. Remove or rename one of them.",
	),
	yaml(
		"a key twice",
		"a: {cmd: [x], cmd: [y]}\n",
		"1:15: `cmd` is there already, on line 1. Remove or rename one of them.",
	),
	yaml("aliases that grow without end", bomb, "7:9: The aliases in here make too large a document."),
	yaml("an alias of itself", "a: &a {env: *a}\n", "1:13: This alias (`*name`) refers to what it is itself a part of."),
	yaml(
		"merge keys",
		"b: &b {cmd: [x]}\na: {<<: *b}\n",
		"2:5: Unknown key `<<`: YAML 1.2 has no merge keys. Write the keys out.",
	),
	yaml("brackets 5,000 deep", `a: ${"[".repeat(5000)}`, `1:4: ${deep}`),
	yaml("lists 5,000 deep", `a:\n  ${"- ".repeat(5000)}x\n`, `2:3: ${deep}`),
	yaml("a tag that makes objects", "a: !!js/function 'x'\n", "1:4: This tag (`!name`) is unknown. Remove it."),
	yaml(
		"a list",
		"- a\n",
		"1:1: A registry is a map from server id to server, not a list. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
	),
	yaml(
		"20 MB of one text",
		"x".repeat(20_000_000),
		"1:1: A registry is a map from server id to server. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
	),
	yaml("a server that is null", "a:\n", "1:3: A server must be a map such as `{endpoint: http://host:8080/mcp}`."),
	yaml(
		"keys with slips",
		"a: {endpiont: http://a}\nb: {url: http://b, haeders: {}}\n",
		"1:5: Unknown key `endpiont`. Did you mean `endpoint`?",
		"2:20: Unknown key `haeders`. Did you mean `headers`?",
	),
	...["..", ".", ".well-known"].map((one) =>
		yaml(`the id ${one}`, `${one}: {cmd: [x]}\n`, `1:1: The id \`${one}\` is reserved. Choose another one.`),
	),
	yaml("an id with a slash", "a/b: {cmd: [x]}\n", `1:1: ${id} Write for example \`a-b\`.`),
	yaml("an id of other letters", "ünï: {cmd: [x]}\n", `1:1: ${id} Write for example \`n\`.`),
	yaml("an id of letters that look like others", "\u0430: {cmd: [x]}\n", `1:1: ${id}`),
	yaml(
		"an id of 300 characters",
		`${"a".repeat(300)}: {cmd: [x]}\n`,
		"1:1: A server's id must have 128 characters at the most.",
	),
	yaml("the id __proto__", "__proto__: {cmd: [x]}\n", "1:1: `__proto__` cannot be a key. Choose another name."),
	yaml("the id constructor, with a fault", "constructor: {cmd: []}\n", `1:20: \`cmd\` ${program}`),
	endpoint("without a scheme", "host:8080/mcp", absolute),
	endpoint("of FTP", "ftp://host/", "must begin with `http://` or `https://`."),
	endpoint("of a file", "file:///etc/passwd", "must begin with `http://` or `https://`."),
	endpoint("with credentials", "http://user:hunter2@host/", credentials),
	endpoint("with a query", "http://host/?key=hunter2", query),
	endpoint("with a fragment", "http://host/#x", query),
	endpoint("with port 0", "http://host:0/", "must have a port from 1 to 65535."),
	endpoint("with port 65536", "http://host:65536/", "must have a port from 1 to 65535."),
	endpoint("with an empty port", "http://host:/", "must have a port from 1 to 65535."),
	endpoint("with half an IPv6 address", "http://[::1/", absolute),
	endpoint("of IPv6 without brackets", "http://::1/", absolute),
	endpoint("with a zone", "http://[fe80::1%25eth0]/", absolute),
	endpoint("with a number too large for IPv4", "http://256.1.1.1/", absolute),
	endpoint("with a space", "http://ho st/", "must not hold spaces, control characters or backslashes."),
	endpoint("with dot segments", "http://host/a/%2E%2e/b", "must not hold `.` or `..` as a part of its path."),
	endpoint(
		"with a placeholder that does not end",
		"http://${HOST/mcp",
		"holds a `${` without its `}`. Close it, or write `$${` for the characters themselves.",
	),
	endpoint("with a placeholder and a wrong scheme", "gopher://${HOST}/", "must begin with `http://` or `https://`."),
	endpoint(
		"with a host that is too long",
		`http://${"long.".repeat(51)}`,
		"must have a host of 253 characters at the most.",
	),
	yaml(
		"header values with line breaks",
		'a: {url: http://a, headers: {X-A: "a\\r\\nX-B: hunter2", X-C: "\\0"}}\n',
		"1:35: `headers.X-A` must be one line, without control characters.",
		"1:61: `headers.X-C` must be one line, without control characters.",
	),
	yaml(
		"an empty header value",
		"a: {url: http://a, headers: {X-A: ''}}\n",
		"1:35: `headers.X-A` must not be empty. Fill it in, or leave the header out.",
	),
	yaml(
		"a header with its value in the name",
		"a: {url: http://a, headers: {'Authorization: hunter2': x}}\n",
		"1:30: A header's name must be a word such as `Authorization`, without spaces, colon or value.",
	),
	yaml(
		"headers of one connection",
		"a: {url: http://a, headers: {Transfer-Encoding: chunked}}\n",
		"1:30: The header `Transfer-Encoding` belongs to one connection; the gateway sets it.",
	),
	yaml(
		"an empty command",
		"a: {cmd: []}\nb: {cmd: ['']}\n",
		`1:10: \`cmd\` ${program}`,
		"2:11: `cmd[0]` must be the name or path of a program.",
	),
	yaml("a command as one text", "a: {cmd: npx -y x}\n", `1:10: \`cmd\` ${program}`),
	yaml("a command with a NUL", 'a: {cmd: ["x\\0"]}\n', "1:11: `cmd[0]` must not hold NUL."),
	yaml(
		"weights below and beyond",
		"a: {endpoints: [{url: http://a, weight: -1}, {url: http://b, weight: 1e300}, {url: http://c, weight: .nan}]}\n",
		`1:41: \`endpoints[0].weight\` ${weight}`,
		`1:70: \`endpoints[1].weight\` ${weight}`,
		`1:102: \`endpoints[2].weight\` ${weight}`,
	),
	yaml(
		"durations in units that are none",
		"a: {url: http://a, timeouts: {connect: 1d, request: 5 s, idle: 99999h}}\n",
		`1:40: \`timeouts.connect\` ${duration}`,
		`1:53: \`timeouts.request\` ${duration}`,
		`1:64: \`timeouts.idle\` ${duration}`,
	),
	yaml(
		"texts where numbers should be",
		"a: {cmd: [x], pool: {max: '5'}}\n",
		"1:27: `pool.max` must be a whole number from 1 to 100000.",
	),
	yaml(
		"a server name for TLS that is none",
		'a: {url: https://a, tls: {serverName: "a\\u0001b"}}\n',
		"1:39: `tls.serverName` must be a host name such as `mcp.example.com`.",
	),
	yaml(
		"a health check's path with control characters",
		'a: {url: http://a, healthCheck: {path: "/\\x01"}}\n',
		"1:40: `healthCheck.path` must be a path such as `/healthz`, in ASCII and without spaces.",
	),
	yaml("half a character", 'a: {cmd: ["\\ud83d"]}\n', `1:11: ${half}`),
	json("cut JSON", '{"a": {"cmd": ["x"', "1:19: A `]` is expected here: a `[` before it is not closed."),
	json(
		"JSON in single quotes",
		"{'a': {}}",
		"1:2: This is not JSON. Texts and keys are in double quotes.",
		"1:5: A key in double quotes is expected here.",
		"1:8: A value is expected here.",
		"1:9: The file should end here, but goes on.",
	),
	json(
		"an escape that JSON has not",
		'{"a": {"cmd": ["\\q"]}}',
		"1:16: JSON has no such escape. A backslash itself is `\\\\`.",
	),
	json("half a character in JSON", '{"a": {"cmd": ["\\ud83d"]}}', `1:16: ${half}`),
	json(
		"an id twice in JSON",
		'{"a": {"cmd": ["x"]}, "\\u0061": {"cmd": ["x"]}}',
		"1:23: `a` is there already, on line 1. Remove or rename one of them.",
	),
	json("objects 5,000 deep", '{"a":'.repeat(5000), `1:1: ${deep}`),
	json(
		"a server outside of mcpServers",
		'{"mcpServers": {"a": {"command": "x"}}, "b": {"command": "x"}}',
		"1:41: This file has its servers inside of `mcpServers`. Move this server there.",
	),
];

const bytes = (content: Buffer) => (path: string) => writeFileSync(path, content);

export const files: readonly FileRow[] = [
	{ name: "a folder", make: (path) => mkdirSync(path), message: "The registry file is a folder. Name a file in it." },
	{
		name: "a pipe",
		make: (path) => void execFileSync("mkfifo", [path]),
		message: "The registry file is not a regular file.",
	},
	{
		name: "a link to itself",
		make: (path) => symlinkSync(path, path),
		message: "The registry file is a symbolic link that leads to itself.",
	},
	{
		name: "a link to nothing",
		make: (path) => symlinkSync("/nowhere", path),
		message: "The registry file does not exist. Create it, or name another one with `--registry FILE`.",
	},
	{
		name: "a link through a file",
		make: (path) => symlinkSync("/etc/hostname/x", path),
		message: "A part of the registry file's path is not a folder.",
	},
	{
		name: "a device",
		make: (path) => symlinkSync("/dev/zero", path),
		message: "The registry file is not a regular file.",
	},
	{
		name: "nothing there",
		make: () => {},
		message: "The registry file does not exist. Create it, or name another one with `--registry FILE`.",
	},
	{
		name: "bytes that are no UTF-8",
		make: bytes(Buffer.from([0x61, 0x3a, 0xff, 0xfe])),
		message: "The file is not UTF-8. Save it as UTF-8.",
	},
	{
		name: "UTF-16",
		make: bytes(Buffer.from("\ufeffa: {cmd: [x]}\n", "utf16le")),
		message: "The file is not UTF-8. Save it as UTF-8.",
	},
	{
		name: "65 MB",
		make: (path) => {
			writeFileSync(path, "");
			truncateSync(path, 65 * 1024 * 1024);
		},
		message: "The file is larger than 64 MiB.",
	},
];
