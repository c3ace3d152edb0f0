/** What the objects of one server share. */

/** What all objects of a server have in common. */
export interface ObjectIdentity {
	readonly id: string;
	/** Name of each of its objects. */
	readonly name: string;
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
}

/** Metadata of an object; each gets maps of its own. */
export function metadata({ name, namespace, labels, annotations }: ObjectIdentity) {
	return { name, namespace, labels: { ...labels }, annotations: { ...annotations } };
}
