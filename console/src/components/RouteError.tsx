import { Box } from "@mantine/core";
import { Navigate } from "@tanstack/react-router";

import { queryClient } from "../api/queries";
import { useSession } from "../stores/session";
import { ErrorNotice } from "./ErrorNotice";

/** Takes the place of a page that failed. After the end of the session it leads to the sign-in. */
export function RouteError({ error, reset }: { readonly error: unknown; readonly reset: () => void }) {
  if (useSession() === undefined) return <Navigate to="/sign-in" search={{}} replace />;
  const retry = (): void => {
    void queryClient.resetQueries();
    reset();
  };
  return <Box p="md" maw={640}><ErrorNotice error={error} retry={retry} /></Box>;
}
