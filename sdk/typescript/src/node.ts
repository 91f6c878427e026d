import { createGrpcTransport } from "@connectrpc/connect-node";

import { MegaRouter } from "./client.js";
import type { CallPolicy } from "./policy.js";

/**
 * Creates a client that speaks gRPC, for Node.
 *
 * @param address `https://host[:port]`, or `http://host[:port]`, which sends the token unencrypted; use it only on one machine
 * @param token an access token
 */
export function connect(address: string, token: string, policy?: CallPolicy): MegaRouter {
  return new MegaRouter(createGrpcTransport({ baseUrl: address }), token, policy);
}
