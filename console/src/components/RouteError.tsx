import { Trans } from "@lingui/react/macro";
import { Box, Title } from "@mantine/core";
import { Navigate, useRouterState } from "@tanstack/react-router";
import { useState } from "react";

import { queryClient } from "../api/queries";
import { useSession } from "../stores/session";
import { ErrorNotice } from "./ErrorNotice";

/** Takes the place of a page that failed. After the end of the session it leads to the sign-in, which leads back. */
export function RouteError({ error, reset }: { readonly error: unknown; readonly reset: () => void }) {
  const [to] = useState(useRouterState({ select: (state) => state.location.href }));
  if (useSession() === undefined) return <Navigate to="/sign-in" search={{ to }} replace />;
  const retry = (): void => {
    void queryClient.resetQueries();
    reset();
  };
  return <Box maw={640}><Title order={1} mb="lg"><Trans>This page cannot be shown</Trans></Title><ErrorNotice error={error} retry={retry} /></Box>;
}
