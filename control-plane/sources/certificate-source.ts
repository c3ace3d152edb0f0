/** The gateway's certificate in files that are watched. */
import { resolve } from "node:path";
import { type Certificate, certificateFacts, readCertificate, type TlsFiles } from "./certificate.ts";
import { watchPath } from "./path-watcher.ts";
import type { SourceLog } from "./registry-text.ts";

/** The last good certificate and, if the files have become faulty since, what is wrong with them. */
export interface CertificateState {
	readonly certificate: Certificate;
	readonly problem?: string;
}

export interface CertificateSource {
	readonly files: TlsFiles;
	readonly state: CertificateState;
	/** Reads again now, as SIGHUP asks for. */
	reload(): void;
	close(): void;
}

export interface CertificateSourceOptions {
	readonly files: TlsFiles;
	readonly log: SourceLog;
	/** Called after every change of `state`. */
	readonly changed: () => void;
	/** Time between two looks at the files' metadata where no events come, in milliseconds. Default 2000. */
	readonly pollMs?: number;
	/** How long files may not fit each other before that is a fault, in milliseconds; less than `pollMs`. Default 1000. */
	readonly patienceMs?: number;
}

/** Quiet time after which files that are being written count as written, in milliseconds. */
const SETTLE_MS = 50;

/**
 * Reads the files and watches them. A renewal replaces certificate and key one after the other: what fits is taken up
 * at once, what does not is a fault only when it has stayed so for a while.
 * @throws Error with one sentence where the files are faulty at the start.
 */
export function createCertificateSource(options: CertificateSourceOptions): CertificateSource {
	const { files, log, changed, pollMs = 2000, patienceMs = 1000 } = options;
	let state: CertificateState = { certificate: readCertificate(files) };
	let timer: NodeJS.Timeout | undefined;
	tell(state.certificate);

	function tell({ leaf }: Certificate): void {
		const { subject, names, notAfter, problem } = certificateFacts(leaf, Date.now());
		log.info({ event: "certificate_in_force", file: files.cert, subject, names, notAfter }, "certificate in force");
		if (problem === undefined) return;
		log.warn({ event: "certificate_doubtful", file: files.cert }, `the certificate in ${files.cert} is ${problem}`);
	}

	function read(): CertificateState {
		try {
			return { certificate: readCertificate(files) };
		} catch (error) {
			return { certificate: state.certificate, problem: (error as Error).message };
		}
	}

	function look(patient: boolean): void {
		clearTimeout(timer);
		// Watched before it is read, so that no change is missed.
		for (const watcher of watchers) watcher.refresh();
		const next = read();
		if (next.problem !== undefined && patient) timer = setTimeout(() => look(false), patienceMs);
		else publish(next);
	}

	function publish(next: CertificateState): void {
		const before = state;
		const same = JSON.stringify(next.certificate.tls) === JSON.stringify(before.certificate.tls);
		if (same && next.problem === before.problem) return;
		state = next;
		if (next.problem === undefined) tell(next.certificate);
		else log.error({ event: "certificate_error" }, `${next.problem} The certificate before stays in force.`);
		changed();
	}

	const watchers = [...new Set(Object.values(files).map((path: string) => resolve(path)))].map((path) =>
		watchPath({
			path,
			pollMs,
			onEvent: () => {
				clearTimeout(timer);
				timer = setTimeout(() => look(true), SETTLE_MS);
			},
			onNoEvents: (error) =>
				log.warn({ event: "certificate_polled", file: path, err: error, pollMs }, "the folder cannot be watched"),
		}),
	);
	look(true);

	return {
		files,
		get state() {
			return state;
		},
		reload: () => look(false),
		close() {
			clearTimeout(timer);
			for (const watcher of watchers) watcher.close();
		},
	};
}
