import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { AccessTokens, SignInLinks } from "@megarouter/admin";

import { currentSession, setSession } from "../stores/session";
import { isDenied } from "./errors";
import { queryClient } from "./queries";
import { governed } from "./transport";

const sessionLifeMs = 12 * 3600_000;
export const linkPrefix = "mrl-";

/** Signs in with the secret of a sign-in link, which works once. */
export async function signInWithLink(secret: string): Promise<void> {
  const { secret: token } = await createClient(SignInLinks, governed(secret)).exchangeSignInLink({});
  begin(token);
}

/**
 * Signs in with an access token, of which only this call makes use: the page goes on with a new token that ends within 12 hours and at
 * sign-out. A token for one organization makes no others. It is confined already, and is used itself.
 */
export async function signInWithToken(pasted: string): Promise<void> {
  begin(await confined(createClient(AccessTokens, governed(pasted)), pasted));
}

async function confined(tokens: Client<typeof AccessTokens>, pasted: string): Promise<string> {
  const accessToken = { displayName: "Console", expireTime: timestampFromDate(new Date(Date.now() + sessionLifeMs)) };
  try {
    return (await tokens.createAccessToken({ parent: "users/me", accessToken })).secret;
  } catch (error) {
    if (isDenied(error)) return pasted;
    throw error;
  }
}

/** Ends the session here and at the service. If the service cannot be reached, its token ends by its time. */
export async function signOut(): Promise<void> {
  const session = currentSession();
  if (session === undefined) return;
  setSession(undefined);
  queryClient.clear();
  await createClient(AccessTokens, governed(session.token)).revokeCurrentAccessToken({}).catch(() => undefined);
}

function begin(token: string): void {
  queryClient.clear();
  setSession({ token });
}
