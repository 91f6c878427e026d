const longestEvent = 4_000_000;

/** Returns the data of each server-sent event of a stream. */
export async function* eventsIn(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      const lines = (rest + (value ?? "")).split(/\r\n|\n/);
      rest = done ? "" : (lines.pop() ?? "");
      if (rest.length > longestEvent) throw new Error("an event of the stream is too long");
      for (const line of lines) {
        if (line.startsWith("data:")) yield line.slice(5).trim();
      }
      if (done) return;
    }
  } finally {
    await reader.cancel();
  }
}
