/**
 * Makes calls for a test with the TypeScript client. Reads one JSON object per line and writes one JSON object per line.
 *
 * It answers `{service, method, token, request}` with `{response}`, or with `{code, message, details}` of the error.
 * Needs MEGAROUTER_ADMIN_URL.
 */

import { createInterface } from "node:readline";

import { fromJson, toJson } from "@bufbuild/protobuf";
import * as api from "@megarouter/admin";
import { connect } from "@megarouter/admin/node";

const { MEGAROUTER_ADMIN_URL: address = "" } = process.env;
const routers = new Map();

function routerOf(token: string) {
  if (!routers.has(token)) routers.set(token, connect(address, token));
  return routers.get(token);
}

async function answer({ service, method, token, request }: Record<string, any>) {
  const { input, output } = (api as any)[service].method[method];
  const client = routerOf(token)[service.charAt(0).toLowerCase() + service.slice(1)];
  try {
    return { response: toJson(output, await client[method](fromJson(input, request))) };
  } catch (error) {
    if (!(error instanceof api.MegaRouterError)) throw error;
    const details = error.cause.details.map(({ type, value }: any) => ({ type, value: Buffer.from(value).toString("base64") }));
    return { code: error.code, message: error.cause.rawMessage, details };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
