/** One page of a list. */
interface Page {
  readonly nextPageToken: string;
}

/**
 * Every page of a list: `for await (const page of pages((pageToken) => router.apiKeys.listApiKeys({ parent, pageToken }))) ...`.
 * It fetches pages as they are needed.
 *
 * @throws MegaRouterError if a page cannot be fetched, and Error if the service repeats a page token, so that the list would not end
 */
export async function* pages<P extends Page>(method: (pageToken: string) => Promise<P>): AsyncGenerator<P, void, undefined> {
  let token = "";
  do {
    const page = await method(token);
    yield page;
    if (page.nextPageToken !== "" && page.nextPageToken === token) {
      throw new Error("the service gave the token of this page again");
    }
    token = page.nextPageToken;
  } while (token !== "");
}
