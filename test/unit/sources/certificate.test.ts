import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { gatewayUrl } from "../../../control-plane/cli/up-plan.ts";
import { certificateFacts, readCertificate, type TlsFiles } from "../../../control-plane/sources/certificate.ts";
import { type CertificateSource, createCertificateSource } from "../../../control-plane/sources/certificate-source.ts";
import { type Certificate, makeCertificate } from "../../support/certificate.ts";

let one: Certificate;
let two: Certificate;
let folder: string;
let files: TlsFiles;

beforeAll(async () => {
	[one, two] = await Promise.all([
		makeCertificate(["one.example", "*.one.example"], ["127.0.0.1"]),
		makeCertificate(["two.example"], [], { keyType: "ec" }),
	]);
});
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "certificate-"));
	files = write(one.cert, one.key);
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(cert: string, key: string): TlsFiles {
	const paths = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
	writeFileSync(paths.cert, cert);
	writeFileSync(paths.key, key);
	return paths;
}

describe("reading", () => {
	test("a pair, its chain and the authorities of clients, and nothing else that is in the files", () => {
		write(`${two.key}\n${one.cert}\n${two.cert}`, `# mine\n${one.key}`);
		const clientCa = join(folder, "ca.pem");
		writeFileSync(clientCa, `${two.key}\n${two.cert}`);
		const { tls, leaf } = readCertificate({ ...files, clientCa });
		expect(leaf.subject).toBe("CN=one.example");
		expect(tls.certPem.match(/BEGIN [A-Z ]+/g)).toEqual(["BEGIN CERTIFICATE", "BEGIN CERTIFICATE"]);
		expect(tls.keyPem.match(/BEGIN [A-Z ]+/g)).toEqual(["BEGIN PRIVATE KEY"]);
		expect(tls.clientCaPem?.match(/BEGIN [A-Z ]+/g)).toEqual(["BEGIN CERTIFICATE"]);
	});

	test("what does not work says so, with the file and what to do", async () => {
		const [encrypted, weak] = await Promise.all([
			makeCertificate([], [], { passphrase: "secret" }),
			makeCertificate([], [], { keySize: 1024 }),
		]);
		const half = one.cert.slice(0, one.cert.length / 2);
		const faults: [string, string, RegExp][] = [
			[one.cert, two.key, /tls\.key is not the key of the certificate in .*tls\.crt: put/],
			[`${two.cert}\n${one.cert}`, one.key, /wrong order: put the server's own first/],
			[one.key, one.cert, /tls\.crt holds no PEM certificate, but a private key.*wrong way round/],
			[one.cert, two.cert, /tls\.key holds no PEM private key, but a certificate.*wrong way round/],
			["", one.key, /tls\.crt holds no PEM certificate\. Put/],
			[half, one.key, /tls\.crt holds no PEM certificate/],
			["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", one.key, /certificate that cannot be read/],
			[one.cert, "garbage", /tls\.key holds no PEM private key\. Put/],
			[one.cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", /private key that cannot be read/],
			[encrypted.cert, encrypted.key, /tls\.key is encrypted.*openssl pkey/],
			[weak.cert, weak.key, /tls\.key is of a kind that Envoy does not take/],
		];
		for (const [cert, key, wanted] of faults) expect(() => readCertificate(write(cert, key))).toThrow(wanted);
		write(one.cert, one.key);
		expect(() => readCertificate({ ...files, cert: join(folder, "none") })).toThrow(
			/none: .* does not exist.*--tls-cert FILE/,
		);
		expect(() => readCertificate({ ...files, key: folder })).toThrow(/is a folder/);
		expect(() => readCertificate({ ...files, clientCa: files.key })).toThrow(/tls\.key holds no PEM certificate/);
	});

	test("time that is over, or has not come", () => {
		const { leaf } = readCertificate(files);
		const from = leaf.validFromDate.getTime();
		const to = leaf.validToDate.getTime();
		expect(certificateFacts(leaf, from + 1)).toEqual({
			subject: "CN=one.example",
			names: ["one.example", "*.one.example", "127.0.0.1"],
			notBefore: leaf.validFromDate.toISOString(),
			notAfter: leaf.validToDate.toISOString(),
		});
		expect(certificateFacts(leaf, to + 1).problem).toMatch(/^expired on \d{4}-.*renew/);
		expect(certificateFacts(leaf, from - 1).problem).toMatch(/^not valid before/);
	});

	test("the gateway's URL has a name that the certificate is for", async () => {
		const url = (host: string, { cert, key }: Certificate) =>
			gatewayUrl({ listen: { host, port: 8443 }, tls: { files, leaf: readCertificate(write(cert, key)).leaf } });
		const local = await makeCertificate(["a.example", "localhost"], []);
		expect(url("127.0.0.1", one)).toBe("https://127.0.0.1:8443");
		expect(url("0.0.0.0", local)).toBe("https://localhost:8443");
		expect(url("0.0.0.0", two)).toBe("https://two.example:8443");
		expect(url("::", await makeCertificate(["*.x.example"], ["10.0.0.1"]))).toBe("https://[::1]:8443");
		expect(gatewayUrl({ listen: { host: "0.0.0.0", port: 8080 } })).toBe("http://127.0.0.1:8080");
	});
});

describe("watching", () => {
	let source: CertificateSource | undefined;
	const changed = vi.fn();
	const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
	afterEach(() => {
		source?.close();
		vi.clearAllMocks();
	});
	// Polling is out of the way, so that it is the events which are tested.
	const start = (of = files, patienceMs = 300) => {
		source = createCertificateSource({ files: of, log, changed, pollMs: 1_000_000, patienceMs });
		return source;
	};
	const subject = () => source?.state.certificate.leaf.subject;
	const until = (wanted: string) => vi.waitFor(() => expect(subject()).toBe(wanted), { interval: 5, timeout: 30_000 });

	test("faulty files at the start are an error", () => {
		expect(() => start(write(one.cert, two.key))).toThrow(/is not the key/);
	});

	test("a renewal of both files, one after the other, is no fault", async () => {
		const made = start(files, 10_000);
		writeFileSync(files.cert, two.cert);
		await new Promise((resolve) => setTimeout(resolve, 100));
		writeFileSync(files.key, two.key);
		await until("CN=two.example");
		expect(changed).toHaveBeenCalledTimes(1);
		expect(made.state.problem).toBeUndefined();
		expect(log.error).not.toHaveBeenCalled();
	});

	test("what stays broken is told once, and the certificate before stays", async () => {
		const made = start();
		writeFileSync(files.key, "garbage");
		await vi.waitFor(() => expect(made.state.problem).toMatch(/holds no PEM private key/), { timeout: 30_000 });
		expect(subject()).toBe("CN=one.example");
		made.reload();
		expect(log.error).toHaveBeenCalledTimes(1);
		writeFileSync(files.key, one.key);
		await vi.waitFor(() => expect(made.state.problem).toBeUndefined(), { timeout: 30_000 });
		rmSync(files.cert);
		await vi.waitFor(() => expect(made.state.problem).toMatch(/does not exist/), { timeout: 30_000 });
		expect(subject()).toBe("CN=one.example");
	});

	test("one that has expired is taken, with a warning", async () => {
		start();
		const dates = { notBeforeDate: new Date("2020-01-01"), notAfterDate: new Date("2021-01-01") };
		const old = await makeCertificate(["old.example"], [], dates);
		write(old.cert, old.key);
		await until("CN=old.example");
		expect(log.warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining("expired on 2021-01-01"));
	});

	test("Kubernetes' swap of ..data", async () => {
		const mount = join(folder, "mount");
		const publish = (version: string, { cert, key }: Certificate) => {
			mkdirSync(join(mount, version), { recursive: true });
			writeFileSync(join(mount, version, "tls.crt"), cert);
			writeFileSync(join(mount, version, "tls.key"), key);
			symlinkSync(version, join(mount, "..data_tmp"));
			renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
		};
		publish("..1", one);
		for (const name of ["tls.crt", "tls.key"]) symlinkSync(`..data/${name}`, join(mount, name));
		start({ cert: join(mount, "tls.crt"), key: join(mount, "tls.key") });
		publish("..2", two);
		await until("CN=two.example");
		publish("..3", one);
		await until("CN=one.example");
		expect(log.error).not.toHaveBeenCalled();
	});
});
