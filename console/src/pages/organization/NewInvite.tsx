import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { type MadeInvite, NewInvites } from "../../components/NewInvites";
import { Part } from "../../components/Part";
import { InviteForm } from "../../forms/organization/InviteForm";
import { usePlace } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** Makes invites, and shows their links once. */
export function NewInvite() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const [made, setMade] = useState<readonly MadeInvite[] | undefined>(undefined);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Organization`, to: paths.people }, { label: t`Invites`, to: paths.invites }]} title={made === undefined ? t`Invite people` : t`Your new invites`}
        actions={made !== undefined && <Group gap="sm"><Button variant="default" onClick={() => setMade(undefined)}><Trans>Invite more people</Trans></Button><Button component={Link} to={paths.invites} variant="default"><Trans>All invites</Trans></Button></Group>}
      />
      <Part height={420}>{made === undefined ? <InviteForm onMade={setMade} /> : <NewInvites invites={made} />}</Part>
    </>
  );
}
