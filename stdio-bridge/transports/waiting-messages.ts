/** So many messages wait for a stream to the client, and so many bytes of them where they are more than one. */
const maxMessages = 100;
const maxBytes = 1024 * 1024;

export interface WaitingMessage {
	readonly bytes: Buffer;
	readonly method: string;
}

/** Messages of a process that no stream to the client can carry yet. The oldest go where they are too many. */
export class WaitingMessages {
	readonly #onLost: () => void;
	#messages: WaitingMessage[] = [];
	#bytes = 0;

	constructor(onLost: () => void) {
		this.#onLost = onLost;
	}

	push(bytes: Buffer, method: string): void {
		// A copy, as the message may be a small part of what was read with it.
		this.#messages.push({ bytes: Buffer.from(bytes), method });
		this.#bytes += bytes.length;
		while (this.#messages.length > maxMessages || (this.#bytes > maxBytes && this.#messages.length > 1)) {
			this.#bytes -= this.#messages.shift()?.bytes.length ?? 0;
			this.#onLost();
		}
	}

	takeAll(): readonly WaitingMessage[] {
		const all = this.#messages;
		this.#messages = [];
		this.#bytes = 0;
		return all;
	}
}
