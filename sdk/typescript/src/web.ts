import type { Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { MegaRouter } from "./client.js";
import { withPolicy } from "./governing.js";
import { type CallPolicy, defaultPolicy } from "./policy.js";

/**
 * Creates a client that speaks gRPC-Web, for browsers and other environments with `fetch`.
 *
 * @param address `https://host[:port]`, or `http://host[:port]`, which sends the token unencrypted; use it only on one machine
 * @param token an access token
 */
export function connect(address: string, token: string, policy?: CallPolicy): MegaRouter {
  return new MegaRouter(createGrpcWebTransport({ baseUrl: address }), token, policy);
}

/**
 * Returns a transport with the client's deadline, retries and errors, for libraries that make calls by themselves, such as
 * `@connectrpc/connect-query`. The parameters are those of `connect`.
 */
export function governedTransport(address: string, token: string, policy: CallPolicy = defaultPolicy): Transport {
  return withPolicy(createGrpcWebTransport({ baseUrl: address }), token, policy);
}
