/** "Did you mean": the word out of a list that a mistyped one is nearest to. */

/** Words that people write for a key that is called otherwise. */
const SYNONYMS: Readonly<Record<string, string>> = {
	address: "endpoint",
	arguments: "args",
	backends: "endpoints",
	baseurl: "endpoint",
	dir: "cwd",
	environment: "env",
	host: "endpoint",
	hosts: "endpoints",
	lb: "loadBalancer",
	replicacount: "replicas",
	uri: "endpoint",
	upstream: "endpoint",
	upstreams: "endpoints",
	workdir: "cwd",
	workingdirectory: "cwd",
};

const plain = (word: string) => word.toLowerCase().replace(/[-_ ]/g, "");

/** Edit distance with swapped neighbours as one edit (optimal string alignment). */
function distance(a: string, b: string): number {
	let before: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			const change = a[i - 1] === b[j - 1] ? 0 : 1;
			row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
				row[j] = Math.min(row[j]!, before[j - 2]! + 1);
		}
		before = last;
		last = row;
	}
	return last[b.length]!;
}

/** The candidate that `word` was most likely meant to be, or undefined if none is near. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
	if (word.length > 64) return undefined;
	const mistyped = plain(word);
	let best: string | undefined;
	let bestDistance = Math.max(1, Math.floor(mistyped.length / 3)) + 1;
	for (const candidate of candidates) {
		const d = distance(mistyped, plain(candidate));
		if (d < bestDistance && d < candidate.length) {
			best = candidate;
			bestDistance = d;
		}
	}
	if (best !== undefined) return best;
	const synonym = Object.hasOwn(SYNONYMS, mistyped) ? SYNONYMS[mistyped] : undefined;
	return synonym !== undefined && candidates.includes(synonym) ? synonym : undefined;
}

/** ` Did you mean \`x\`?`, or an empty text. */
export function didYouMean(word: string, candidates: readonly string[]): string {
	const best = suggest(word, candidates);
	return best === undefined ? "" : ` Did you mean \`${best}\`?`;
}
