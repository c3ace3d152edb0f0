/** What a client does with a message, in either SDK. */
type OnMessage = (message: never, extra?: never) => void;

/**
 * The progress of all calls of a client, as it comes; each call must ask for it (`onprogress`). The SDKs forget whom to
 * tell of progress as soon as the answer is there, and the last may come together with it: what `onprogress` hears does
 * not tell what came.
 */
export function progressOf<F extends OnMessage>(transport: { onmessage?: F | undefined } | undefined): number[] {
	const seen: number[] = [];
	const inner = transport?.onmessage as ((message: unknown, extra: unknown) => void) | undefined;
	if (transport === undefined || inner === undefined) throw new Error("the client is not connected");
	const outer = (message: { method?: string; params?: { progress?: number } }, extra: unknown) => {
		if (message.method === "notifications/progress") seen.push(Number(message.params?.progress));
		inner(message, extra);
	};
	transport.onmessage = outer as OnMessage as F;
	return seen;
}

/** For calls whose progress is only asked for. */
export const onprogress = (): void => {};
