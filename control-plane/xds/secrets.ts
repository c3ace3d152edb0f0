import type { ServingServer } from "../ir/model.ts";
import type { Message } from "./message.ts";
import { caSecretName, headerSecretName, systemRootsName } from "./names.ts";

/** The SDS secrets of a server: header values and its own authorities. Envoy's config_dump redacts both. */
export function secrets({ id, upstream }: ServingServer): Message[] {
	const headers = upstream.headers.map(({ name, value }) => ({
		name: headerSecretName(id, name),
		generic_secret: { secret: { inline_string: value } },
	}));
	const ca = upstream.tls?.verify === true ? upstream.tls.caPem : undefined;
	return ca === undefined ? headers : [...headers, authorities(caSecretName(id), ca)];
}

/** The system's authorities, shared by every server that names none of its own. */
export function systemRoots(pem: string): Message {
	return authorities(systemRootsName, pem);
}

function authorities(name: string, pem: string): Message {
	return { name, validation_context: { trusted_ca: { inline_string: pem } } };
}
