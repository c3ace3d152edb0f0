import { z } from "zod";
import type { Address } from "../ir/model.ts";
import { askJson } from "./http-get.ts";

const bridgeAnswer = z.looseObject({
	servers: z.record(
		z.string(),
		z.looseObject({
			sessions: z.number(),
			processes: z.array(z.unknown()),
			lastFailure: z.looseObject({ at: z.string(), reason: z.string(), detail: z.string() }).optional(),
		}),
	),
});

/** What a bridge tells of its stdio servers: sessions, processes, the last failed start. */
export type BridgeAnswer = z.infer<typeof bridgeAnswer>;

/** Asks every bridge; one that does not answer is left out. */
export async function readBridges(bridges: readonly Address[]): Promise<BridgeAnswer[]> {
	const answers = await Promise.all(
		bridges.map((bridge) =>
			askJson(bridge, "/~bridge/status").then(
				(answer) => bridgeAnswer.parse(answer),
				() => undefined,
			),
		),
	);
	return answers.filter((answer) => answer !== undefined);
}
