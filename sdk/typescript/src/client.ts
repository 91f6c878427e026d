import type { DescService } from "@bufbuild/protobuf";
import { type Client, type Transport, createClient } from "@connectrpc/connect";

import * as api from "../generated/index.js";
import { withPolicy } from "./governing.js";
import { type CallPolicy, defaultPolicy } from "./policy.js";

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
