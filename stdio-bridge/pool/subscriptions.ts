/** Which clients of a shared process want to hear of which resources: `resources/subscribe` of the revisions before 2026-07-28. */
export class Subscriptions<Client> {
	readonly #clients = new Map<string, Set<Client>>();

	add(client: Client, uri: string): void {
		const clients = this.#clients.get(uri) ?? new Set();
		this.#clients.set(uri, clients.add(client));
	}

	/** True where nobody wants to hear of the resource any more, so that the process may be told. */
	remove(client: Client, uri: string): boolean {
		const clients = this.#clients.get(uri);
		if (clients === undefined) return true;
		clients.delete(client);
		if (clients.size > 0) return false;
		this.#clients.delete(uri);
		return true;
	}

	/** Forgets a client; returns the resources that nobody else wants to hear of. */
	drop(client: Client): string[] {
		return [...this.#clients].flatMap(([uri, clients]) =>
			clients.has(client) && this.remove(client, uri) ? [uri] : [],
		);
	}

	of(uri: string): Iterable<Client> {
		return this.#clients.get(uri) ?? [];
	}
}
