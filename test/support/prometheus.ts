/** A sample of a scrape. */
export interface Sample {
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly value: number;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(
	String.raw`^(${NAME})(?:\{((?:${LABEL})?(?:,${LABEL})*)\})? (NaN|[+-]?Inf|[+-]?[0-9.]+(?:e[+-]?\d+)?)$`,
	"i",
);
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);

/**
 * Reads Prometheus' text format and checks what `promtool check metrics` does: the grammar, one HELP and TYPE before a
 * metric's samples and all of those together, no sample twice, whole histograms, and the rules for names.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 * @throws Error that quotes the line at fault.
 */
export function readMetrics(text: string): Sample[] {
	if (!text.endsWith("\n")) throw new Error("the last line does not end");
	const types = new Map<string, string>();
	const helps = new Set<string>();
	const done = new Set<string>();
	const seen = new Set<string>();
	const samples: Sample[] = [];
	let current = "";
	const enter = (name: string, line: string) => {
		if (name === current) return;
		if (done.has(name)) throw new Error(`not with the others of its metric: ${line}`);
		if (current !== "") done.add(current);
		current = name;
	};
	for (const line of text.slice(0, -1).split("\n")) {
		if (line === "") continue;
		const [, kind, about = "", rest = ""] = COMMENT.exec(line) ?? [];
		if (kind !== undefined) {
			enter(about, line);
			if (kind === "HELP" ? helps.has(about) : types.has(about)) throw new Error(`twice: ${line}`);
			if (kind === "HELP") helps.add(about);
			else if (!/^(?:counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`no type: ${line}`);
			else types.set(about, rest);
			continue;
		}
		const match = SAMPLE.exec(line);
		if (match === null) throw new Error(`not a sample: ${line}`);
		const [, name = "", labelText = "", value = ""] = match;
		const family = ["", "_bucket", "_sum", "_count"]
			.filter((suffix) => name.endsWith(suffix))
			.map((suffix) => name.slice(0, name.length - suffix.length))
			.find((stem) => types.has(stem) && (stem === name || /^(?:histogram|summary)$/.test(types.get(stem) ?? "")));
		if (family === undefined || !helps.has(family)) throw new Error(`without HELP and TYPE before it: ${line}`);
		enter(family, line);
		if (types.get(family) === "counter" && !name.endsWith("_total"))
			throw new Error(`a counter ends in _total: ${line}`);
		const pairs = [...labelText.matchAll(new RegExp(`(${NAME})="((?:[^"\\\\]|\\\\.)*)"`, "g"))];
		const labels = Object.fromEntries(pairs.map(([, key = "", text = ""]) => [key, text]));
		const identity = `${name}{${Object.entries(labels).sort().join(";")}}`;
		if (seen.has(identity)) throw new Error(`twice: ${line}`);
		seen.add(identity);
		samples.push({ name, labels, value: Number(value.replace(/inf$/i, "Infinity")) });
	}
	for (const [name, type] of types) if (type === "histogram") checkHistogram(name, samples);
	return samples;
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
	const series = new Map<string, Sample[]>();
	for (const sample of samples.filter((one) => one.name === `${name}_bucket`)) {
		const { le: _, ...labels } = sample.labels;
		const key = JSON.stringify(labels);
		series.set(key, [...(series.get(key) ?? []), sample]);
	}
	for (const [key, buckets] of series) {
		const bounds = buckets.map(({ labels }) => Number(labels["le"]?.replace("+Inf", "Infinity")));
		const values = buckets.map(({ value }) => value);
		const isUp = (list: readonly number[]) => list.every((one, index) => index === 0 || one >= (list[index - 1] ?? 0));
		const count = samples.find((one) => one.name === `${name}_count` && JSON.stringify(one.labels) === key);
		const isWhole = bounds.at(-1) === Number.POSITIVE_INFINITY && count?.value === values.at(-1);
		if (!isUp(bounds) || !isUp(values) || !isWhole) throw new Error(`not a histogram: ${name} ${key}`);
	}
}

/** The value of the one sample with this name and these labels; undefined where there is none. */
export function sampleValue(samples: readonly Sample[], name: string, labels: Record<string, string> = {}) {
	const found = samples.filter(
		(one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
	);
	if (found.length > 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
	return found[0]?.value;
}
