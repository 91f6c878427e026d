import { expect, test } from "vitest";

import { eventsIn } from "../../src/util/server_events";

async function read(...pieces: readonly Uint8Array<ArrayBuffer>[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const found: string[] = [];
  for await (const data of eventsIn(body)) found.push(data);
  return found;
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test("events are found wherever the pieces of a stream end, also in the middle of a character", async () => {
  const whole = bytes('data: {"a":"张"}\r\n\r\n: a comment\ndata: [DONE]\n\n');
  for (let cut = 1; cut < whole.length; cut++) expect(await read(whole.slice(0, cut), whole.slice(cut))).toEqual(['{"a":"张"}', "[DONE]"]);
});

test("the last event counts without an end of its line", async () => {
  expect(await read(bytes("data: last"))).toEqual(["last"]);
});
