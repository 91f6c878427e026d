import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Invites, Role } from "@megarouter/admin";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button, Group as Row, NativeSelect, SegmentedControl, SimpleGrid, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import type { MadeInvite } from "../../components/NewInvites";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { Surface } from "../../ui/Surface";
import { CountField, parseCount } from "../fields/AmountField";
import { LimitFields, isRight, memberLimitsOf, noLimitTexts } from "../fields/LimitFields";
import { RoleAndGroup } from "../fields/RoleAndGroup";

const dayMs = 24 * 3600_000;
const mostAddresses = 1000;
const mostUses = 1000n;

/** Reads addresses, however they are separated: by lines, commas, semicolons or blanks, also as `Ada <ada@acme.example>`. */
export function addressesOf(text: string): readonly string[] {
  const found = text.match(/[^\s,;<>"]+@[^\s,;<>"]+/g) ?? [];
  return [...new Map(found.map((address) => [address.toLowerCase(), address])).values()];
}

/** Reads the entries of a list that have no address in them, so that none is left out silently. */
export function withoutAddress(text: string): readonly string[] {
  return text.split(/[\n,;]/).map((entry) => entry.trim()).filter((entry) => entry !== "" && addressesOf(entry).length === 0);
}

interface Wanted {
  readonly whom: "addresses" | "anyone";
  readonly addresses: string;
  readonly domain: string;
  readonly uses: string;
  readonly role: Role;
  readonly group: string;
  readonly days: string;
}

/** Invites people: those with certain addresses, each with a link of their own, or whoever has a link. */
export function InviteForm({ onMade }: { readonly onMade: (made: readonly MadeInvite[]) => void }) {
  const { account } = usePlace();
  const [wanted, setWanted] = useState<Wanted>({ whom: "addresses", addresses: "", domain: "", uses: "1", role: Role.MEMBER, group: account.group, days: "7" });
  const [limits, setLimits] = useState(noLimitTexts);
  const one = useSaving(Invites.method.createInvite);
  const many = useSaving(Invites.method.batchCreateInvites);
  const saving = wanted.whom === "addresses" ? many : one;
  const addresses = addressesOf(wanted.addresses);
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const memberLimits = memberLimitsOf(limits);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const parent = account.organization;
    const invite = { role: wanted.role, group: wanted.group, expiration: { case: "ttl" as const, value: durationFromMs(Number(wanted.days) * dayMs) }, ...(memberLimits === undefined ? {} : { memberLimits }) };
    if (wanted.whom === "addresses") {
      many.save({ parent, invite, emails: [...addresses] }, ({ invites }) => onMade(invites.map((made) => ({ name: made.invite?.name ?? "", address: made.invite?.email ?? "", secret: made.link || made.token }))));
    } else {
      one.save({ parent, invite: { ...invite, maxUses: Number(parseCount(wanted.uses) ?? 1n), emailDomain: wanted.domain.trim() } }, (made) => onMade([{ name: made.invite?.name ?? "", address: wanted.domain.trim(), secret: made.link || made.token }]));
    }
  };
  const uses = parseCount(wanted.uses) ?? 0n;
  const isComplete = isRight(limits) && (wanted.whom === "addresses" ? addresses.length > 0 && addresses.length <= mostAddresses : uses > 0n && uses <= mostUses);
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={620}>
          <Whom wanted={wanted} change={change} found={addresses.length} violation={saving.violation} />
          <RoleAndGroup role={wanted.role} group={wanted.group} change={change} violation={saving.violation} path="invite" />
          <Expiration days={wanted.days} change={change} error={saving.violation("invite.ttl")} />
          <Text size="sm" fw={600} mt="xs"><Trans>Initial limits</Trans></Text>
          <LimitFields value={limits} onChange={setLimits} violation={saving.violation} path="invite.member_limits" />
          {saving.isError && <ErrorNotice error={saving.error} />}
          <Row><Button type="submit" loading={saving.isPending} disabled={!isComplete}><Trans>Create invites</Trans></Button></Row>
        </Stack>
      </form>
    </Surface>
  );
}

interface PartProps {
  readonly change: (part: Partial<Wanted>) => void;
  readonly violation: (field: string) => string | undefined;
}

function Whom({ wanted, change, found, violation }: PartProps & { readonly wanted: Wanted; readonly found: number }) {
  const { t } = useLingui();
  const unread = withoutAddress(wanted.addresses);
  return (
    <>
      <SegmentedControl
        aria-label={t`Whom to invite`} value={wanted.whom} onChange={(whom) => change({ whom: whom as Wanted["whom"] })} fullWidth maw={440} styles={{ label: { whiteSpace: "normal" } }}
        data={[{ value: "addresses", label: t`People by address` }, { value: "anyone", label: t`Whoever has the link` }]}
      />
      {wanted.whom === "addresses" ? (
        <Stack gap={6}>
          <Textarea
            label={t`E-mail addresses`} autosize minRows={3} maxRows={12}
            description={found === 0 ? t`One or many, as they come: lines, commas, a column of a spreadsheet. At most ${mostAddresses}.` : <Plural value={found} one="# address found. Only this person can use its link." other="# addresses found. Each gets a link that only this person can use." />}
            value={wanted.addresses} onChange={(event) => change({ addresses: event.currentTarget.value })} error={found > mostAddresses ? t`At most ${mostAddresses} at a time.` : violation("emails")}
          />
          {found > 0 && unread.length > 0 && <Unread entries={unread} />}
        </Stack>
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <CountField label={t`How many may join`} description={t`1 to 1,000`} value={wanted.uses} onChange={(uses) => change({ uses })} error={violation("invite.max_uses")} />
          <TextInput label={t`Only addresses of this domain`} description={t`Such as acme.example. Empty: anyone`} value={wanted.domain} onChange={(event) => change({ domain: event.currentTarget.value })} error={violation("invite.email_domain")} />
        </SimpleGrid>
      )}
    </>
  );
}

const mostUnreadShown = 5;

/** What gets no invite, because it is no address. */
function Unread({ entries }: { readonly entries: readonly string[] }) {
  const more = entries.length - mostUnreadShown;
  return (
    <Text size="sm" c="red" role="status" style={{ overflowWrap: "anywhere" }}>
      <Trans>Not an address, so not invited: {entries.slice(0, mostUnreadShown).join(", ")}</Trans>
      {more > 0 && <> <Plural value={more} one="and # more" other="and # more" /></>}
    </Text>
  );
}

function Expiration({ days, change, error }: { readonly days: string; readonly change: (part: Partial<Wanted>) => void; readonly error: string | undefined }) {
  const { t } = useLingui();
  return (
    <NativeSelect
      label={t`The invite ends`} value={days} onChange={(event) => change({ days: event.currentTarget.value })} error={error}
      data={[{ value: "1", label: t`In a day` }, { value: "7", label: t`In 7 days` }, { value: "14", label: t`In 14 days` }, { value: "30", label: t`In 30 days` }]}
    />
  );
}
