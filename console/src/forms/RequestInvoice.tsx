import { Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../components/ErrorNotice";
import { usePlace } from "../hooks/account";
import { useRequestId } from "../hooks/request_id";
import { useSaving } from "../hooks/saving";
import { pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Surface } from "../ui/Surface";
import { parseCredits } from "../util/credits";
import { moneyOf } from "../util/money";

interface Wanted {
  readonly credits: string;
  readonly price: string;
  readonly currency: string;
  readonly note: string;
}

/** Asks the billing contact for an invoice. `onDone` gets the name of the request. */
export function RequestInvoice({ onDone }: { readonly onDone: (name: string) => void }) {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const [wanted, setWanted] = useState<Wanted>({ credits: "", price: "", currency: "USD", note: "" });
  const [checked, setChecked] = useState(false);
  const requestId = useRequestId(JSON.stringify(wanted));
  const asking = useSaving(Credits.method.requestInvoice, t`The invoice is requested.`);
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const [credits, price] = [parseCredits(wanted.credits), parseCredits(wanted.price)];
  const problems = {
    credits: credits === undefined || credits === 0n ? t`Enter an amount such as 25 or 0.5.` : undefined,
    price: price === undefined || price === 0n ? t`Enter an amount such as 25 or 0.5.` : undefined,
    currency: /^[A-Za-z]{3}$/.test(wanted.currency.trim()) ? undefined : t`Enter a currency such as EUR.`,
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (credits === undefined || price === undefined || Object.values(problems).some((problem) => problem !== undefined)) return;
    asking.save(
      { parent: account.organization, requestId, amountNanoCredits: credits, amount: moneyOf(price, wanted.currency.trim().toUpperCase()), note: wanted.note.trim() },
      ({ name }) => onDone(name),
    );
  };
  const { billingEmail } = organization;
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={560}>
          {asking.isError && <ErrorNotice error={asking.error} />}
          {billingEmail === "" ? (
            <Alert color="orange" variant="light" title={<Trans>The organization has no billing contact</Trans>}><Trans>A Super Admin sets one in the <AppLink to={pathsOf(account.organization).settings} underline="always">settings</AppLink>.</Trans></Alert>
          ) : (
            <Alert color="accent" variant="light" title={<Trans>What happens</Trans>}><Trans>The request goes to {billingEmail} by e-mail. No credit moves.</Trans></Alert>
          )}
          <TextInput
            label={t`Credits`} description={t`What the invoice is for`} required autoFocus inputMode="decimal" value={wanted.credits} onChange={(event) => change({ credits: event.currentTarget.value })}
            error={(checked ? problems.credits : undefined) ?? asking.violation("amount_nano_credits")}
          />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput
              label={t`To pay`} required inputMode="decimal" value={wanted.price} onChange={(event) => change({ price: event.currentTarget.value })}
              error={(checked ? problems.price : undefined) ?? asking.violation("amount")}
            />
            <TextInput
              label={t`Currency`} required maxLength={3} value={wanted.currency} onChange={(event) => change({ currency: event.currentTarget.value })}
              error={(checked ? problems.currency : undefined) ?? asking.violation("amount.currency_code")}
            />
          </SimpleGrid>
          <TextInput label={t`Note`} description={t`Such as a purchase order`} maxLength={200} value={wanted.note} onChange={(event) => change({ note: event.currentTarget.value })} error={asking.violation("note")} />
          <Group><Button type="submit" loading={asking.isPending} disabled={billingEmail === ""}><Trans>Request the invoice</Trans></Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}
