import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, type Transport, createClient } from "@connectrpc/connect";
import { type Account, ApiKeys, Code, MegaRouterError } from "@megarouter/admin";

import { currentSession } from "../stores/session";
import { idOf } from "./names";

const lifeMs = 60 * 60_000;
/** A key is replaced before it ends, so that it does not end in the middle of an answer. */
const spareMs = 10 * 60_000;
const longestIdBytes = 63;

/** A key with which the page calls models in the name of the person. It is in memory only, and ends within an hour. */
export interface PlaygroundKey {
  readonly name: string;
  readonly secret: string;
}

interface Kept extends PlaygroundKey {
  readonly token: string;
  readonly member: string;
  readonly endMs: number;
}

let kept: Kept | undefined;

/** Returns the key of this session, and makes one if there is none. Every person has one such key, whose secret is replaced each time. */
export async function playgroundKey(transport: Transport, account: Account): Promise<PlaygroundKey> {
  const token = currentSession()?.token ?? "";
  if (kept !== undefined && kept.token === token && kept.member === account.member && kept.endMs - Date.now() > spareMs) return kept;
  const expireTime = timestampFromDate(new Date(Date.now() + lifeMs));
  kept = { ...(await made(createClient(ApiKeys, transport), account, expireTime)), token, member: account.member, endMs: Date.now() + lifeMs };
  return kept;
}

/** Forgets the key, so that the next call makes another secret. */
export function forgetPlaygroundKey(): void {
  kept = undefined;
}

type Expiry = ReturnType<typeof timestampFromDate>;

async function made(keys: Client<typeof ApiKeys>, account: Account, expireTime: Expiry): Promise<PlaygroundKey> {
  const apiKeyId = `playground-${idOf(account.member)}`.slice(0, longestIdBytes);
  const apiKey = { displayName: "Playground", expireTime };
  const name = `${account.organization}/apiKeys/${apiKeyId}`;
  try {
    return await created(keys, { parent: account.organization, apiKeyId, apiKey });
  } catch (error) {
    if (!(error instanceof MegaRouterError && error.code === Code.AlreadyExists)) throw error;
  }
  try {
    await keys.updateApiKey({ apiKey: { name, expireTime }, updateMask: { paths: ["expire_time"] } });
    const { secret } = await keys.rotateApiKey({ name, overlapDuration: durationFromMs(0) });
    return { name, secret };
  } catch (error) {
    // Somebody deleted the key, whose id is not given again.
    if (error instanceof MegaRouterError && error.reason === "API_KEY_DELETED") return created(keys, { parent: account.organization, apiKey });
    throw error;
  }
}

async function created(keys: Client<typeof ApiKeys>, request: Parameters<Client<typeof ApiKeys>["createApiKey"]>[0]): Promise<PlaygroundKey> {
  const { apiKey, secret } = await keys.createApiKey(request);
  return { name: apiKey?.name ?? "", secret };
}
