/** One event of a `text/event-stream`. */
export interface StreamEvent {
	readonly event: string;
	readonly data: string;
}

/** The complete events in the beginning of a stream. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function eventsIn(text: string): StreamEvent[] {
	const blocks = text
		.replace(/^\uFEFF/, "")
		.replace(/\r\n?/g, "\n")
		.split("\n\n")
		.slice(0, -1);
	return blocks.map((block) => {
		let event = "message";
		const data: string[] = [];
		for (const line of block.split("\n")) {
			const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
			if (name === "event") event = value;
			else if (name === "data") data.push(value);
		}
		return { event, data: data.join("\n") };
	});
}
