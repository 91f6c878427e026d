import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, CatalogChanges, type ProviderConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, PasswordInput, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { Surface } from "../../ui/Surface";
import { type WantedProvider, credentialHeaders, dialects, providerDefinition, wantedProvider } from "./definitions";
import { OtherFields } from "./OtherFields";

const mostProviders = 1000;

interface ProviderFormProps {
  /** The one to change; a new one otherwise. */
  readonly provider?: ProviderConfiguration;
  /** Gets the name of its configuration. */
  readonly onDone: (name: string) => void;
}

export function ProviderForm({ provider, onDone }: ProviderFormProps) {
  const { t } = useLingui();
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [wanted, setWanted] = useState<WantedProvider>(() => (provider === undefined ? { ...wantedProvider({}), header: "authorization", streamOptions: "yes" } : wantedProvider(provider.definition ?? {})));
  const [checked, setChecked] = useState(false);
  const requestId = useRequestId(JSON.stringify([id, wanted]));
  const addition = useSaving(CatalogChanges.method.addProvider, t`The provider is added. Every Envoy has it.`);
  const replacement = useSaving(CatalogChanges.method.replaceProvider, t`The provider is saved. Every Envoy has it.`);
  const saving = provider === undefined ? addition : replacement;
  const definition = providerDefinition(wanted);
  const isComplete = wanted.sameAs !== "";
  const change = (part: Partial<WantedProvider>): void => setWanted({ ...wanted, ...part });
  const problems = {
    id: provider === undefined && !/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/.test(id) ? t`Lower-case letters, digits and hyphens, at most 40. It begins with a letter.` : undefined,
    displayName: wanted.displayName.trim() === "" && !isComplete ? t`Give it a name.` : undefined,
    urls: Object.values(wanted.urls).every((url) => url.trim() === "") && !isComplete ? t`Enter at least one base URL.` : undefined,
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (definition === undefined || Object.values(problems).some((problem) => problem !== undefined)) return;
    const done = ({ name }: { readonly name: string }): void => {
      setSecret("");
      onDone(name);
    };
    if (provider === undefined) addition.save({ name: `providers/${id}/configuration`, definition, secret: secret.trim(), requestId }, done);
    else replacement.save({ name: provider.name, definition, etag: provider.etag, requestId }, done);
  };
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={640}>
          {provider === undefined && (
            <>
              <TextInput label={t`Id`} description={t`Such as our-gpus. Whitelists and budgets name it.`} required maxLength={40} value={id} onChange={(event) => setId(event.currentTarget.value)} error={(checked ? problems.id : undefined) ?? saving.violation("name")} />
              <SameAs value={wanted.sameAs} onChange={(sameAs) => change(sameAs === "" ? { sameAs, header: "authorization", streamOptions: "yes" } : { sameAs, header: "", streamOptions: "" })} error={saving.violation("definition.same_as")} />
            </>
          )}
          <TextInput label={t`Name`} required={!isComplete} maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })} error={(checked ? problems.displayName : undefined) ?? saving.violation("definition.display_name")} />
          <Urls wanted={wanted} change={change} error={checked ? problems.urls : undefined} violation={saving.violation} />
          <Credentials wanted={wanted} change={change} violation={saving.violation} />
          {provider === undefined && (
            <PasswordInput label={t`Credential`} description={t`Empty: it receives no calls until you set one. It is not shown again.`} autoComplete="off" value={secret} onChange={(event) => setSecret(event.currentTarget.value)} error={saving.violation("secret")} />
          )}
          <OtherFields value={wanted.others} onChange={(others) => change({ others })} isWrong={definition === undefined} />
          {saving.isError && <ErrorNotice error={saving.error} />}
          <Group><Button type="submit" loading={saving.isPending}>{provider === undefined ? <Trans>Add the provider</Trans> : <Trans>Save the provider</Trans>}</Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}

function SameAs({ value, onChange, error }: { readonly value: string; readonly onChange: (provider: string) => void; readonly error: string | undefined }) {
  const { t } = useLingui();
  const { data } = useSuspenseQuery(Catalog.method.listProviders, { pageSize: mostProviders });
  return (
    <NativeSelect
      label={t`Like another provider`} description={t`What you leave out below is as there: for a further account, or another region`} value={value} onChange={(event) => onChange(event.currentTarget.value)} error={error}
      data={[{ value: "", label: t`Like none` }, ...data.providers.map(({ name, displayName }) => ({ value: idOf(name), label: displayName || idOf(name) }))]}
    />
  );
}

interface FieldsProps {
  readonly wanted: WantedProvider;
  readonly change: (part: Partial<WantedProvider>) => void;
  readonly violation: (field: string) => string | undefined;
}

function Urls({ wanted, change, error, violation }: FieldsProps & { readonly error: string | undefined }) {
  const { t } = useLingui();
  const names = { openai: t`Base URL for OpenAI's API`, anthropic: t`Base URL for Anthropic's API`, gemini: t`Base URL for Gemini's API` };
  const examples = { openai: "https://vllm.internal:8000/v1", anthropic: "https://api.anthropic.com/v1", gemini: "https://generativelanguage.googleapis.com/v1beta" };
  return (
    <>
      {dialects.map((dialect, index) => (
        <TextInput
          key={dialect} label={names[dialect]} placeholder={examples[dialect]} inputMode="url" spellCheck={false} value={wanted.urls[dialect] ?? ""} onChange={(event) => change({ urls: { ...wanted.urls, [dialect]: event.currentTarget.value } })}
          error={violation(`definition.dialects.${dialect}`) ?? (index === 0 ? (error ?? violation("definition.dialects")) : undefined)}
        />
      ))}
    </>
  );
}

function Credentials({ wanted, change, violation }: FieldsProps) {
  const { t } = useLingui();
  const asOther = wanted.sameAs === "" ? [] : [{ value: "", label: t`As the other provider` }];
  return (
    <>
      <NativeSelect
        label={t`Header of the credential`} value={wanted.header} onChange={(event) => change({ header: event.currentTarget.value })} error={violation("definition.credential_header")}
        data={[...asOther, ...credentialHeaders.map((header) => ({ value: header, label: header }))]}
      />
      <NativeSelect
        label={t`Usage of streams`} description={t`Whether the provider reports it when it is asked to (stream_options)`} value={wanted.streamOptions} onChange={(event) => change({ streamOptions: event.currentTarget.value as WantedProvider["streamOptions"] })}
        error={violation("definition.stream_options")} data={[...asOther, { value: "yes", label: t`It is asked to` }, { value: "no", label: t`It refuses the field` }]}
      />
    </>
  );
}
