import type { ListenerIR, ServingServer } from "../ir/model.ts";
import type { Message } from "./message.ts";
import { caSecretName, clientCaName, gatewayCertificateName, headerSecretName, systemRootsName } from "./names.ts";

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

/** The listener's certificate and key, and the authorities of its clients: a renewal is an update of these alone. */
export function listenerSecrets({ tls }: ListenerIR): Message[] {
	if (tls === undefined) return [];
	const certificate: Message = {
		name: gatewayCertificateName,
		tls_certificate: {
			certificate_chain: { inline_string: tls.certPem },
			private_key: { inline_string: tls.keyPem },
		},
	};
	return tls.clientCaPem === undefined ? [certificate] : [certificate, authorities(clientCaName, tls.clientCaPem)];
}

function authorities(name: string, pem: string): Message {
	return { name, validation_context: { trusted_ca: { inline_string: pem } } };
}
