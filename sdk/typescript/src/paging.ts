/** One page of a list. */
interface Page {
  readonly nextPageToken: string;
}

/**
 * Yields every page of a list: `for await (const page of pages((pageToken) => router.apiKeys.listApiKeys({ parent, pageToken }))) ...`.
 * Fetches pages as they are needed.
 *
 * @throws MegaRouterError if a page cannot be fetched, and Error if the service repeats a page token, so that the list would not end
 */
export async function* pages<P extends Page>(method: (pageToken: string) => Promise<P>): AsyncGenerator<P, void, undefined> {
  let token = "";
  do {
    const page = await method(token);
    yield page;
    if (page.nextPageToken !== "" && page.nextPageToken === token) {
      throw new Error("the service repeated a page token, so the list would not end; report this to the operator of the gateway");
    }
    token = page.nextPageToken;
  } while (token !== "");
}
