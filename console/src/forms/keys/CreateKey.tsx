import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useMutation } from "@connectrpc/connect-query";
import { ApiKeys, Guardrail_Cycle } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, SimpleGrid, Stack, TagsInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { violationsOf } from "../../api/errors";
import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { usePlace } from "../../hooks/account";
import { Surface } from "../../ui/Surface";
import { parseCredits } from "../../util/credits";

const dayMs = 24 * 3600_000;
const cycles = { never: Guardrail_Cycle.NEVER, daily: Guardrail_Cycle.DAILY, weekly: Guardrail_Cycle.WEEKLY, monthly: Guardrail_Cycle.MONTHLY } as const;

/** What a person fills in. The request is made of it on submit. */
interface Wanted {
  readonly displayName: string;
  readonly budget: string;
  readonly cycle: keyof typeof cycles;
  readonly days: string;
  readonly models: readonly string[];
}

interface CreateKeyProps {
  /** The member or the service account that the key is for; empty: the person. */
  readonly owner: string;
  readonly onMade: (made: { readonly name: string; readonly secret: string }) => void;
}

export function CreateKey({ owner, onMade }: CreateKeyProps) {
  const { account } = usePlace();
  const { t } = useLingui();
  const [wanted, setWanted] = useState<Wanted>({ displayName: "", budget: "", cycle: "monthly", days: "", models: [] });
  const [checked, setChecked] = useState(false);
  const creation = useMutation(ApiKeys.method.createApiKey);
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const budget = parseCredits(wanted.budget);
  const problems = {
    displayName: wanted.displayName.trim() === "" ? t`Give the key a name.` : undefined,
    budget: wanted.budget !== "" && budget === undefined ? t`Enter an amount such as 25 or 0.5.` : undefined,
  };
  const ofService = violationsOf(creation.error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (Object.values(problems).some((problem) => problem !== undefined)) return;
    creation.mutate(
      {
        parent: account.organization,
        apiKey: {
          displayName: wanted.displayName.trim(),
          ...(owner === "" ? {} : owner.includes("/serviceAccounts/") ? { serviceAccount: owner } : { member: owner }),
          ...(wanted.days === "" ? {} : { expireTime: timestampFromDate(new Date(Date.now() + Number(wanted.days) * dayMs)) }),
          ...(wanted.models.length === 0 ? {} : { modelWhitelist: { entries: [...wanted.models] } }),
        },
        ...(budget === undefined ? {} : { budgetNanoCredits: budget, budgetCycle: cycles[wanted.cycle] }),
      },
      {
        onSuccess: ({ apiKey, secret }) => {
          void queryClient.invalidateQueries();
          onMade({ name: apiKey?.name ?? "", secret });
        },
      },
    );
  };
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={560}>
          {creation.isError && <ErrorNotice error={creation.error} />}
          <TextInput
            name="key-name" label={t`Name`} description={t`What uses the key, such as laptop or nightly-report`} required maxLength={200} value={wanted.displayName} autoFocus
            onChange={(event) => change({ displayName: event.currentTarget.value })} error={(checked ? problems.displayName : undefined) ?? ofService.get("api_key.display_name")}
          />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput
              label={t`Budget in credits`} description={t`Empty: no budget of its own`} inputMode="decimal" value={wanted.budget}
              onChange={(event) => change({ budget: event.currentTarget.value })} error={(checked ? problems.budget : undefined) ?? ofService.get("budget_nano_credits")}
            />
            <NativeSelect
              label={t`The budget starts again`} description={t`In the organization's time zone`} value={wanted.cycle} disabled={wanted.budget === ""}
              onChange={(event) => change({ cycle: event.currentTarget.value as Wanted["cycle"] })}
              data={[{ value: "daily", label: t`Daily` }, { value: "weekly", label: t`Weekly` }, { value: "monthly", label: t`Monthly` }, { value: "never", label: t`Never` }]}
            />
          </SimpleGrid>
          <NativeSelect
            label={t`Ends`} value={wanted.days} onChange={(event) => change({ days: event.currentTarget.value })} error={ofService.get("api_key.expire_time")}
            data={[{ value: "", label: t`Never` }, { value: "7", label: t`In 7 days` }, { value: "30", label: t`In 30 days` }, { value: "90", label: t`In 90 days` }, { value: "365", label: t`In a year` }]}
          />
          <TagsInput
            label={t`Only these models`} description={t`Such as gpt-4o-mini or openai/*. Empty: every model that you may use`} value={[...wanted.models]}
            onChange={(models) => change({ models })} error={ofService.get("api_key.model_whitelist.entries")}
          />
          <Group><Button type="submit" loading={creation.isPending}><Trans>Create the key</Trans></Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}
