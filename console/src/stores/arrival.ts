/**
 * What the link that opened the page brought after its `#`. It is taken out of the address at once, so that neither the history nor a
 * bookmark keeps it, and is in memory only.
 */

const invitePrefix = "mri-";
const reportPrefix = "mrr-";

function take(): string {
  const secret = window.location.hash.slice(1);
  if (secret !== "") window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  return secret;
}

const arrived = take();

/** The secret of a sign-in link; empty without one. */
export const arrivedSecret = arrived.startsWith(invitePrefix) || arrived.startsWith(reportPrefix) ? "" : arrived;

/** The token of an invite link; empty without one. */
export const arrivedInvite = arrived.startsWith(invitePrefix) ? arrived : "";

/** The secret of a link to a report; empty without one. */
export const arrivedReport = arrived.startsWith(reportPrefix) ? arrived : "";

/** Finds the token in what a person pasted: the token itself, or the link with it. */
export function inviteTokenOf(text: string): string {
  const token = text.trim().split("#").at(-1) ?? "";
  return token.startsWith(invitePrefix) ? token : "";
}
