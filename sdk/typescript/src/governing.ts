import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";

import { MegaRouterError } from "./errors.js";
import { type CallPolicy, pauseBeforeRetryMs, withRequestId } from "./policy.js";

/** Returns a transport that sends the token, keeps to the policy, and throws `MegaRouterError`. */
export function withPolicy(transport: Transport, token: string, policy: CallPolicy): Transport {
  return {
    stream: () => Promise.reject(new ConnectError("the admin API has no streaming methods", Code.Unimplemented)),
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const request = withRequestId(method.input, create(method.input, input));
      const headers = new Headers(header);
      headers.set("authorization", `Bearer ${token}`);
      const deadline = performance.now() + (timeoutMs ?? policy.timeoutMs);
      for (let attempt = 1; ; attempt++) {
        try {
          // `grpc-timeout` takes whole milliseconds only.
          const remainingMs = Math.max(Math.floor(deadline - performance.now()), 1);
          return await transport.unary(method, signal, remainingMs, headers, request, contextValues);
        } catch (reason) {
          const error = new MegaRouterError(ConnectError.from(reason));
          const pauseMs = pauseBeforeRetryMs(policy, error, attempt, deadline - performance.now(), Math.random);
          if (pauseMs === undefined || signal?.aborted) throw error;
          await new Promise((resume) => setTimeout(resume, pauseMs));
        }
      }
    },
  };
}
