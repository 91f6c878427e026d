import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts } from "@megarouter/admin";
import { Navigate } from "@tanstack/react-router";

import { pathOf } from "../paths";
import { useSession } from "../stores/session";

/** The address of the console itself: leads to the current account. */
export function Entry() {
  if (useSession() === undefined) return <Navigate to="/sign-in" search={{}} replace />;
  return <ToAccount />;
}

function ToAccount() {
  const { data: user } = useSuspenseQuery(Accounts.method.getUser, { name: "users/me" });
  return <Navigate to={pathOf(user.currentAccount)} replace />;
}
