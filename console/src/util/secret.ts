/**
 * Takes the secret of a link out of the address, so that neither the history nor a bookmark keeps it.
 *
 * @param page the path of the page that the link is for, so that no other page takes it
 */
export function takeSecret(page: string): string {
  if (window.location.pathname !== `/console${page}`) return "";
  const secret = window.location.hash.slice(1);
  if (secret !== "") window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  return secret;
}
