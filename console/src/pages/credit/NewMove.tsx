import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Part } from "../../components/Part";
import { type Move, MoveCredit } from "../../forms/MoveCredit";
import { RequestInvoice } from "../../forms/RequestInvoice";
import { useParent } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";

export function NewTopUp() {
  return <MovePage move="top-up" title={<Trans>Top up</Trans>} hint={<Trans>Adds credit that was bought. Beyond the credit line it becomes a request that an operator decides.</Trans>} />;
}

export function NewAdjustment() {
  return <MovePage move="adjustment" title={<Trans>Adjust the credit</Trans>} hint={<Trans>Gives credit without payment, or takes it.</Trans>} />;
}

export function NewRefund() {
  return <MovePage move="refund" title={<Trans>Record a refund</Trans>} hint={<Trans>Takes credit that was bought and is paid back: at most the top-ups that are not refunded yet.</Trans>} />;
}

export function NewInvoice() {
  const navigate = useNavigate();
  return <Page title={<Trans>Request an invoice</Trans>} hint={<Trans>The billing contact of the organization gets it by e-mail.</Trans>}><RequestInvoice onDone={(name) => void navigate({ to: pathOf(name) })} /></Page>;
}

function MovePage({ move, title, hint }: { readonly move: Move; readonly title: ReactNode; readonly hint: ReactNode }) {
  const navigate = useNavigate();
  return <Page title={title} hint={hint}><MoveCredit move={move} onDone={(name) => void navigate({ to: pathOf(name) })} /></Page>;
}

function Page({ title, hint, children }: { readonly title: ReactNode; readonly hint: ReactNode; readonly children: ReactNode }) {
  const { t } = useLingui();
  return (
    <>
      <PageHeader crumbs={[{ label: t`Credit`, to: pathsOf(useParent()).credit }]} title={title} hint={hint} />
      <Part height={320}>{children}</Part>
    </>
  );
}
