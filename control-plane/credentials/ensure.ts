/** Makes the credentials of an installation where they are missing, wherever they are kept. */
import { randomBytes } from "node:crypto";
import { makeXdsCredentials, type Side, type XdsCredentials, xdsCredentialsProblem } from "./certificates.ts";

/** What belongs together and is written at once: files of one folder, or keys of one Secret. */
export type Bundle = Readonly<Record<string, string>>;

/** Who gets which: a Secret each, so that a pod is given its own side and nothing else. */
export const bundleNames = ["xds-control-plane", "xds-envoy", "admin"] as const;
export type BundleName = (typeof bundleNames)[number];

export interface CredentialStore {
	/** How people find a bundle there. */
	place(name: BundleName): string;
	/** Undefined where there is none. */
	read(name: BundleName): Promise<Bundle | undefined>;
	/** Replaces it as it was last read. @throws Conflict where somebody else was faster */
	write(name: BundleName, bundle: Bundle): Promise<void>;
	/** False where there is none of ours. */
	remove(name: BundleName): Promise<boolean>;
}

/** Somebody else has written meanwhile. */
export class Conflict extends Error {}

export const TOKEN_BYTES = 32;
/** What the admin API asks of a token: 16 characters at least. */
const TOKEN = /^[\x21-\x7e]{16,}$/;

/** Two that begin at once find each other's half at the most twice. */
const ATTEMPTS = 5;

/**
 * Leaves what is good as it is, and makes what is missing or of no use. The two sides of xDS are made together: the
 * authority that could sign a single one is gone.
 * @param tell Told each bundle that is there already or was made, and why; never what is in it.
 * @throws Conflict where others write all the time, and what the store throws
 */
export async function ensureCredentials(store: CredentialStore, tell: (line: string) => void): Promise<void> {
	await again(() => ensureXds(store, tell));
	await again(() => ensureToken(store, tell));
}

/** Removes all that {@link ensureCredentials} has made. */
export async function removeCredentials(store: CredentialStore, tell: (line: string) => void): Promise<void> {
	for (const name of bundleNames) if (await store.remove(name)) tell(`Removed ${store.place(name)}`);
}

async function ensureXds(store: CredentialStore, tell: (line: string) => void): Promise<void> {
	const [ours, theirs] = [await store.read("xds-control-plane"), await store.read("xds-envoy")];
	const there = `${store.place("xds-control-plane")} and ${store.place("xds-envoy")}`;
	const problem = bundlesProblem(ours, theirs);
	if (problem === undefined) return tell(`${there} are there.`);
	const { controlPlane, envoy } = await makeXdsCredentials();
	await store.write("xds-control-plane", bundleOf(controlPlane));
	await store.write("xds-envoy", bundleOf(envoy));
	const renewed = ours !== undefined || theirs !== undefined;
	tell(
		`Made ${there}${renewed ? ` anew, since ${problem}. Control planes and Envoys that run must be restarted.` : "."}`,
	);
}

async function ensureToken(store: CredentialStore, tell: (line: string) => void): Promise<void> {
	const before = await store.read("admin");
	if (TOKEN.test(before?.["token"]?.trim() ?? "")) return tell(`${store.place("admin")} is there.`);
	await store.write("admin", { token: randomBytes(TOKEN_BYTES).toString("base64url") });
	tell(`Made ${store.place("admin")}${before === undefined ? "." : " anew, since it held no usable token."}`);
}

function bundlesProblem(ours: Bundle | undefined, theirs: Bundle | undefined): string | undefined {
	if (ours === undefined && theirs === undefined) return "there are none";
	if (ours === undefined) return "the control plane's are missing";
	if (theirs === undefined) return "Envoy's are missing";
	const credentials: XdsCredentials = { controlPlane: sideOf(ours), envoy: sideOf(theirs) };
	return xdsCredentialsProblem(credentials);
}

/** Named as in Secrets of the type kubernetes.io/tls, so that other tools' fit. */
function bundleOf({ ca, cert, key }: Side): Bundle {
	return { "ca.crt": ca, "tls.crt": cert, "tls.key": key };
}

function sideOf(bundle: Bundle): Side {
	return { ca: bundle["ca.crt"] ?? "", cert: bundle["tls.crt"] ?? "", key: bundle["tls.key"] ?? "" };
}

async function again(attempt: () => Promise<void>): Promise<void> {
	for (let left = ATTEMPTS; ; left--) {
		try {
			return await attempt();
		} catch (error) {
			if (!(error instanceof Conflict) || left <= 1) throw error;
		}
	}
}
