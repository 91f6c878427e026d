/** One page of a list. */
interface Page {
  readonly nextPageToken: string;
}

/**
 * Every page of a list: `for await (const page of pages((pageToken) => router.apiKeys.listApiKeys({ parent, pageToken }))) ...`.
 * Pages are asked for as they are needed.
 *
 * @throws MegaRouterError where a page could not be had, and Error where the service gave the token of a page again, so that the list
 * has no end
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
