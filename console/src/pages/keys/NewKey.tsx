import { useState } from "react";
import { useLingui } from "@lingui/react/macro";

import { CreateKey } from "../../forms/CreateKey";
import { usePlace } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { NewSecret } from "../../components/NewSecret";

/** Creates a key, and shows its secret once. */
export function NewKey() {
  const { account } = usePlace();
  const { t } = useLingui();
  const [made, setMade] = useState<{ readonly name: string; readonly secret: string } | undefined>(undefined);
  return (
    <>
      <PageHeader crumbs={[{ label: t`API keys`, to: pathsOf(account.organization).keys }]} title={made === undefined ? t`Create an API key` : t`Your new key`} />
      {made === undefined ? <CreateKey onMade={setMade} /> : <NewSecret name={made.name} secret={made.secret} />}
    </>
  );
}
