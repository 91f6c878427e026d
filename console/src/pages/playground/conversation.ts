import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Call, Usage } from "@megarouter/admin";
import type { Transport } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "react";

import { type Answering, CallError, type Reported, ask } from "../../api/chat";
import { useDeployment } from "../../api/deployment";
import { forgetPlaygroundKey, playgroundKey } from "../../api/playground_key";
import { usePlace } from "../../hooks/account";

const lookMs = 500;
const mostLooks = 20;
const clockSkewMs = 5 * 60_000;

export interface Question {
  readonly model: string;
  readonly prompt: string;
  readonly maxOutputTokens: number;
}

/** One question and what came of it so far. */
export interface Conversation {
  readonly isRunning: boolean;
  readonly question?: Question;
  readonly keyName?: string;
  readonly text: string;
  readonly answering?: Answering;
  readonly reported?: Reported;
  /** The record of the call, once it is settled. */
  readonly call?: Call;
  readonly error?: unknown;
  readonly start: (question: Question) => void;
  readonly stop: () => void;
}

type State = Omit<Conversation, "start" | "stop">;

export function useConversation(): Conversation {
  const transport = useTransport();
  const { account } = usePlace();
  const { model_url: origin } = useDeployment();
  const running = useRef<AbortController>(undefined);
  const [state, setState] = useState<State>({ isRunning: false, text: "" });
  useEffect(() => () => running.current?.abort(), []);

  const run = async (question: Question, { signal }: AbortController): Promise<void> => {
    const change = (part: Partial<State>): void => setState((now) => (signal.aborted && part.isRunning === undefined ? now : { ...now, ...part }));
    try {
      const key = await playgroundKey(transport, account);
      change({ keyName: key.name });
      let requestId = "";
      const reported = await ask({ ...question, origin, secret: key.secret, signal }, {
        began: (answering) => {
          requestId = answering.requestId;
          change({ answering });
        },
        said: (text) => setState((now) => ({ ...now, text: now.text + text })),
      });
      change({ isRunning: false, ...(reported === undefined ? {} : { reported }) });
      const call = await settledCall(transport, account.organization, key.name, requestId, signal);
      if (call !== undefined) change({ call });
    } catch (error) {
      if (error instanceof CallError && error.status === 401) forgetPlaygroundKey();
      if (signal.aborted) change({ isRunning: false });
      else change({ isRunning: false, error });
    }
  };

  return {
    ...state,
    start: (question) => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      setState({ isRunning: true, text: "", question });
      void run(question, controller);
    },
    stop: () => running.current?.abort(),
  };
}

/** Finds the record of a call by its request id. It is there about a second after the end of the call. */
async function settledCall(transport: Transport, parent: string, key: string, requestId: string, signal: AbortSignal): Promise<Call | undefined> {
  const startTime = timestampFromDate(new Date(Date.now() - clockSkewMs));
  for (let look = 0; look < mostLooks && !signal.aborted; look++) {
    await new Promise((resume) => setTimeout(resume, lookMs));
    const { calls } = await callUnaryMethod(transport, Usage.method.listCalls, { parent, pageSize: 20, timeRange: { startTime }, usageFilter: { apiKeys: [key] } }, { signal });
    const found = calls.find((call) => call.requestId === requestId);
    if (found !== undefined) return found;
  }
  return undefined;
}
