import { type DescService, create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, type Transport, createClient } from "@connectrpc/connect";

import * as api from "../generated/index.js";
import { MegaRouterError } from "./errors.js";
import { type CallPolicy, defaultPolicy, pauseBeforeRetryMs, withRequestId } from "./policy.js";

type Api = typeof api;

/** A client for every service of the API, named after it: `apiKeys` for the service `ApiKeys`. */
type Services = {
  readonly [Name in keyof Api as Api[Name] extends DescService ? Uncapitalize<Name> : never]: Api[Name] extends DescService
    ? Client<Api[Name]>
    : never;
};

/** Every service of the admin API, such as `router.apiKeys.getApiKey({ name })`. A failed call throws `MegaRouterError`. */
export type MegaRouter = Services;

export const MegaRouter = class {
  constructor(transport: Transport, token: string, policy: CallPolicy = defaultPolicy) {
    const governed = withPolicy(transport, token, policy);
    for (const [name, service] of Object.entries(api)) {
      if (isService(service)) {
        Object.assign(this, { [name.charAt(0).toLowerCase() + name.slice(1)]: createClient(service, governed) });
      }
    }
  }
} as new (transport: Transport, token: string, policy?: CallPolicy) => MegaRouter;

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

function withPolicy(transport: Transport, token: string, policy: CallPolicy): Transport {
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
