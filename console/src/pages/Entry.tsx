import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Account, Accounts, Member_State, Organization_Kind } from "@megarouter/admin";
import { Navigate } from "@tanstack/react-router";

import { pathOf } from "../paths";
import { useSession } from "../stores/session";
import { firstAccount } from "../util/first_account";

/** The address of the console itself: leads to an account. */
export function Entry() {
  if (useSession() === undefined) return <Navigate to="/sign-in" search={{}} replace />;
  return <ToAccount />;
}

function ToAccount() {
  const { data: user } = useSuspenseQuery(Accounts.method.getUser, { name: "users/me" });
  const { data } = useSuspenseQuery(Accounts.method.listMyAccounts, { pageSize: 200 });
  const organizations = data.accounts.filter(isUsable).map((account) => account.organization);
  return <Navigate to={pathOf(firstAccount(user.currentAccount, organizations))} replace />;
}

function isUsable(account: Account): boolean {
  return account.kind !== Organization_Kind.PERSONAL && account.memberState === Member_State.ACTIVE;
}
