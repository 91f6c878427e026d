import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { AccessTokens, SignInLinks } from "@megarouter/admin";

import { type Session, currentSession, setSession } from "../stores/session";
import { isDenied, isInvalid } from "./errors";
import { queryClient } from "./queries";
import { governed } from "./transport";

const sessionLifeMs = 12 * 3600_000;
export const linkPrefix = "mrl-";
const accessTokenPrefix = "mrt-";

/** Signs in with the secret of a sign-in link, which works once. */
export async function signInWithLink(secret: string): Promise<void> {
  const { secret: token } = await createClient(SignInLinks, governed(secret)).exchangeSignInLink({});
  begin({ token, isOwn: true, mayOperate: false });
}

/**
 * Signs in with an access token, which is exchanged: the page goes on with a new token that ends within 12 hours and at sign-out. A token
 * for one organization makes no others. It is confined already and is used itself, so it does not end at sign-out. Whether it is one is
 * asked first, by a call that the audit log does not keep: a refused creation would look like an attack there.
 */
export async function signInWithToken(pasted: string): Promise<void> {
  begin(await confined(createClient(AccessTokens, governed(pasted)), pasted));
}

async function confined(tokens: Client<typeof AccessTokens>, pasted: string): Promise<Session> {
  if (pasted.startsWith(accessTokenPrefix) && !(await mayMakeOthers(tokens))) return { token: pasted, isOwn: false, mayOperate: true };
  const expireTime = timestampFromDate(new Date(Date.now() + sessionLifeMs));
  try {
    return await madeBy(tokens, { expireTime });
  } catch (error) {
    if (isDenied(error)) return { token: pasted, isOwn: false, mayOperate: true };
    // The pasted token ends sooner. Without a time, the new one ends with it.
    if (isInvalid(error)) return madeBy(tokens, {});
    throw error;
  }
}

async function mayMakeOthers(tokens: Client<typeof AccessTokens>): Promise<boolean> {
  try {
    await tokens.listAccessTokens({ parent: "users/me", pageSize: 1 });
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    throw error;
  }
}

async function madeBy(tokens: Client<typeof AccessTokens>, life: { readonly expireTime?: Timestamp }): Promise<Session> {
  const { secret } = await tokens.createAccessToken({ parent: "users/me", accessToken: { displayName: "Console", ...life } });
  return { token: secret, isOwn: true, mayOperate: true };
}

/** Ends the session here and, if the token is the page's own, at the service. If that cannot be reached, the token ends by its time. */
export async function signOut(): Promise<void> {
  const session = currentSession();
  if (session === undefined) return;
  setSession(undefined);
  queryClient.clear();
  if (session.isOwn) await createClient(AccessTokens, governed(session.token)).revokeCurrentAccessToken({}).catch(() => undefined);
}

function begin(session: Session): void {
  queryClient.clear();
  setSession(session);
}
