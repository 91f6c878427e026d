import type { IdentityProvider } from "./deployment";

const waitMs = 5 * 60_000;
const channelName = "megarouter-sign-in";
export const callbackPath = "/console/sign-in/callback";

/** Why a sign-in at an identity provider did not end with a token. */
export class SignInError extends Error {}

/**
 * Signs in at an identity provider by the authorization code flow with PKCE, and returns the ID token. The provider's pages are in a
 * window of their own, so that what belongs to the flow stays in the memory of this page.
 *
 * @param pages a window that was opened by a click, because browsers block others
 */
export async function idTokenFrom(provider: IdentityProvider, pages: Window, signal: AbortSignal): Promise<string> {
  const oauth = await import("oauth4webapi");
  const issuer = new URL(provider.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { signal }));
  const client = { client_id: provider.console_client_id ?? "" };
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const redirect = window.location.origin + callbackPath;
  const start = new URL(server.authorization_endpoint ?? "");
  const parameters = {
    client_id: client.client_id, redirect_uri: redirect, response_type: "code", scope: "openid profile email", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) start.searchParams.set(name, value);
  const returned = callback(state, signal);
  pages.location.href = start.href;
  const answer = oauth.validateAuthResponse(server, client, await returned, state);
  const response = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), answer, redirect, verifier, { signal });
  const granted = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce, requireIdToken: true });
  if (granted.id_token === undefined) throw new SignInError("the identity provider sent no ID token");
  return granted.id_token;
}

/** Waits for what the provider sends back with this state. Other windows of the console may sign in at the same time. */
function callback(state: string, signal: AbortSignal): Promise<URLSearchParams> {
  const channel = new BroadcastChannel(channelName);
  const ended = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  return new Promise<URLSearchParams>((resolve, reject) => {
    ended.addEventListener("abort", () => reject(new SignInError("the sign-in was not finished")));
    channel.addEventListener("message", ({ data }) => {
      const parameters = new URLSearchParams(String(data));
      if (parameters.get("state") === state) resolve(parameters);
    });
  }).finally(() => channel.close());
}

/** Passes on what the provider sent to this window, and takes it out of its address. */
export function passOn(): void {
  const channel = new BroadcastChannel(channelName);
  channel.postMessage(window.location.search.slice(1));
  channel.close();
  window.history.replaceState(null, "", window.location.pathname);
  window.close();
}
