import { QueryClient } from "@tanstack/react-query";

const freshMs = 15_000;

/**
 * What was read stays for the session. The client of the API retries by itself. What a change has sent may be a secret, so it goes with the form that
 * sent it.
 */
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: freshMs }, mutations: { retry: false, gcTime: 0 } },
});
