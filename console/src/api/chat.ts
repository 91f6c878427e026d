import { eventsIn } from "../util/server_events";

const firstByteMs = 60_000;

/** What a refusal's JSON says of a limit: `gateway_core/contract/errors.py`. */
export interface LimitInError {
  readonly limit_nano_credits?: string;
  readonly used_nano_credits?: string;
  readonly held_nano_credits?: string;
  readonly carried_nano_credits?: string;
  readonly models?: string;
  readonly reset_time_epoch_seconds?: number | null;
}

/** A refusal, or an error of the provider, as the gateway answers it. */
export class CallError extends Error {
  constructor(message: string, readonly status: number, readonly code: string, readonly requestId: string, readonly limits: readonly LimitInError[] = [], readonly retryAfterS = 0) {
    super(message);
  }
}

/** What the headers of an answer say. */
export interface Answering {
  readonly requestId: string;
  readonly servedModel: string;
  readonly route: string;
}

/** What the stream said at its end. */
export interface Reported {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

interface Question {
  readonly origin: string;
  readonly secret: string;
  readonly model: string;
  readonly prompt: string;
  readonly maxOutputTokens: number;
  readonly signal: AbortSignal;
}

interface Listener {
  readonly began: (answering: Answering) => void;
  readonly said: (text: string) => void;
}

/** Calls a model by Chat Completions and passes on what it says as it comes. Returns what the provider counted, if it did. */
export async function ask(question: Question, listener: Listener): Promise<Reported | undefined> {
  const opened = new AbortController();
  const timer = setTimeout(() => opened.abort(new Error("no answer began within a minute")), firstByteMs);
  const answer = await fetch(`${question.origin}/v1/chat/completions`, {
    method: "POST", credentials: "omit", signal: AbortSignal.any([question.signal, opened.signal]),
    headers: { authorization: `Bearer ${question.secret}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: question.model, messages: [{ role: "user", content: question.prompt }], max_completion_tokens: question.maxOutputTokens,
      stream: true, stream_options: { include_usage: true },
    }),
  }).finally(() => clearTimeout(timer));
  const header = (name: string): string => answer.headers.get(name) ?? "";
  if (!answer.ok || answer.body === null) throw await refusal(answer);
  listener.began({ requestId: header("x-request-id"), servedModel: header("x-megarouter-model"), route: header("x-megarouter-route") });
  let reported: Reported | undefined;
  for await (const data of eventsIn(answer.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) throw new CallError(chunk.error.message ?? "", answer.status, chunk.error.code ?? "", header("x-request-id"));
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) listener.said(text);
    if (chunk.usage) reported = { inputTokens: chunk.usage.prompt_tokens ?? 0, outputTokens: chunk.usage.completion_tokens ?? 0 };
  }
  return reported;
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly error?: { readonly message?: string; readonly code?: string; readonly limits?: readonly LimitInError[] };
}

async function refusal(answer: Response): Promise<CallError> {
  const requestId = answer.headers.get("x-request-id") ?? "";
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text) as Chunk;
    return new CallError(error?.message ?? text, answer.status, error?.code ?? "", requestId, error?.limits, Number(answer.headers.get("retry-after")) || 0);
  } catch {
    return new CallError(text || answer.statusText, answer.status, "", requestId);
  }
}
