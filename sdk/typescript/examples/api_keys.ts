/**
 * Lists an organization's API keys, disables one, enables it again, and shows what an error looks like.
 *
 * Needs MEGAROUTER_ADMIN_URL, MEGAROUTER_ADMIN_TOKEN and MEGAROUTER_ORGANIZATION: `./dev up` writes them to .run/env. With the argument
 * `web` it speaks gRPC-Web, as a browser does.
 */

import { ApiKey_State, MegaRouterError, pages } from "@megarouter/admin";
import * as node from "@megarouter/admin/node";
import * as web from "@megarouter/admin/web";

const { MEGAROUTER_ADMIN_URL: address = "", MEGAROUTER_ADMIN_TOKEN: token = "", MEGAROUTER_ORGANIZATION: parent = "" } = process.env;
const { connect } = process.argv[2] === "web" ? web : node;
const router = connect(address, token);

const keys = [];
for await (const page of pages((pageToken) => router.apiKeys.listApiKeys({ parent, pageSize: 2, pageToken }))) {
  keys.push(...page.apiKeys);
}
for (const key of keys) {
  console.log(`${key.name}  ${key.obfuscatedKey}  ${ApiKey_State[key.state]}  ${key.displayName}`);
}

const active = keys.find((key) => key.state === ApiKey_State.ACTIVE);
if (active !== undefined) {
  const disabled = await router.apiKeys.disableApiKey({ name: active.name, etag: active.etag });
  console.log("disabled", disabled.name);
  const enabled = await router.apiKeys.enableApiKey({ name: active.name, etag: disabled.etag });
  console.log("enabled", enabled.name);
}

try {
  await router.apiKeys.getApiKey({ name: `${parent}/apiKeys/unknown` });
} catch (error) {
  if (!(error instanceof MegaRouterError)) throw error;
  console.log(`refused: ${error.reason}, needs ${error.metadata["permission"]}`);
}
