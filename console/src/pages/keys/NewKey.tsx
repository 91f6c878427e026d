import { useState } from "react";
import { Trans, useLingui } from "@lingui/react/macro";
import { useSearch } from "@tanstack/react-router";

import { CreateKey } from "../../forms/keys/CreateKey";
import { usePlace } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { NewSecret } from "../../components/NewSecret";

/** Creates a key, and shows its secret once. */
export function NewKey() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from: "/organizations/$organization/new/apiKey" });
  const id = search.member ?? search.serviceAccount;
  const owner = search.serviceAccount !== undefined ? `${account.organization}/serviceAccounts/${search.serviceAccount}` : search.member !== undefined ? `${account.organization}/members/${search.member}` : "";
  const [made, setMade] = useState<{ readonly name: string; readonly secret: string } | undefined>(undefined);
  return (
    <>
      <PageHeader crumbs={[{ label: t`API keys`, to: pathsOf(account.organization).keys }]} title={made === undefined ? t`Create an API key` : t`Your new key`} hint={id !== undefined && <Trans>For {id}. Limits that you set here bind its owner.</Trans>} />
      {made === undefined ? <CreateKey owner={owner} onMade={setMade} /> : <NewSecret name={made.name} secret={made.secret} />}
    </>
  );
}
