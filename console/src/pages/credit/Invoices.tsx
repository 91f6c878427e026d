import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Credits, type InvoiceRequest, InvoiceRequest_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatMoney } from "../../util/money";
import { CreditFrame } from "./CreditFrame";

/** The invoices that were requested from the billing contact. */
export function Invoices() {
  return (
    <CreditFrame>
      <Surface flush title={<Trans>Invoice requests</Trans>} hint={<Trans>A request goes to the billing contact by e-mail. No credit moves.</Trans>}>
        <Part height={300}><Found /></Part>
      </Surface>
    </CreditFrame>
  );
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const paging = usePaging(parent);
  const question = { parent };
  const { data } = useSuspenseQuery(Credits.method.listInvoiceRequests, { ...question, pageSize, pageToken: paging.token });
  if (data.invoiceRequests.length === 0 && paging.back === undefined) {
    return (
      <EmptyState
        title={<Trans>No invoice requests</Trans>} step={<Trans>Ask the billing contact of the organization for an invoice.</Trans>} command="megarouter credits invoice 500 --price 500 --currency EUR"
        action={<Button component={Link} to={pathsOf(parent).newInvoice} size="xs"><Trans>Request an invoice</Trans></Button>}
      />
    );
  }
  const columns: readonly Column<InvoiceRequest>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <AppLink to={pathOf(one.name)}><Time value={one.createTime} /></AppLink> },
    { id: "to", header: <Trans>To</Trans>, cell: (one) => <span className="cut">{one.billingEmail}</span>, shown: "wide" },
    { id: "note", header: <Trans>Note</Trans>, cell: (one) => <span className="cut">{one.note}</span>, shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <Delivery state={one.state} />, shown: "wide" },
    { id: "credits", header: <Trans>Credits</Trans>, cell: (one) => <Amount nanoCredits={one.amountNanoCredits} decimals={2} />, align: "right", shown: "wide" },
    { id: "amount", header: <Trans>To pay</Trans>, cell: (one) => formatMoney(one.amount, language), align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Invoice requests`} columns={columns} rows={data.invoiceRequests} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="invoice-requests" method={Credits.method.listInvoiceRequests} request={question} /></Pager>
    </>
  );
}

export function InvoicePage() {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const { invoice: id } = useParams({ from: "/organizations/$organization/invoiceRequests/$invoice" });
  const { data: one } = useSuspenseQuery(Credits.method.getInvoiceRequest, { name: `${parent}/invoiceRequests/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Credit`, to: pathsOf(parent).credit }, { label: t`Invoices`, to: pathsOf(parent).invoices }]}
        title={<Trans>Invoice of {formatMoney(one.amount, language)}</Trans>} hint={<Delivery state={one.state} />}
      />
      <Surface title={<Trans>The request</Trans>}>
        <Properties
          entries={[
            [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
            [<Trans>Credits</Trans>, <Amount nanoCredits={one.amountNanoCredits} decimals={2} />],
            [<Trans>Billing contact</Trans>, one.billingEmail],
            [<Trans>Note</Trans>, one.note || undefined],
            [<Trans>By</Trans>, idOf(one.user)],
            [<Trans>Requested</Trans>, <Time value={one.createTime} />],
          ]}
        />
      </Surface>
    </>
  );
}

function Delivery({ state }: { readonly state: InvoiceRequest_State }) {
  const { t } = useLingui();
  const { label, color } = {
    [InvoiceRequest_State.UNSPECIFIED]: { label: "", color: "gray" }, [InvoiceRequest_State.PENDING]: { label: t`Waits to be sent`, color: "orange" },
    [InvoiceRequest_State.DELIVERED]: { label: t`Sent`, color: "teal" },
  }[state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
