/** Takes the secret of a link out of the address, so that neither the history nor a bookmark keeps it. */
export function takeSecret(): string {
  const secret = window.location.hash.slice(1);
  if (secret !== "") window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  return secret;
}
