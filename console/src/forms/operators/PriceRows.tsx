import type { ModelConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";

import { Icon } from "../../ui/Icon";
import { AmountField } from "../fields/AmountField";
import { type PriceCategory, type WantedModel, type WantedPrice, priceCategories } from "./definitions";

/** Input and output, which every model has. */
const needed = 2;

interface PriceRowsProps {
  readonly wanted: WantedModel;
  readonly change: (part: Partial<WantedModel>) => void;
  /** The one whose prices may stay as they are. */
  readonly model: ModelConfiguration | undefined;
  readonly error: string | undefined;
}

/** The prices of a model from a day on. */
export function PriceRows({ wanted, change, model, error }: PriceRowsProps) {
  const { t } = useLingui();
  const { prices } = wanted;
  const categoryNames = useCategoryNames();
  const set = (index: number, part: Partial<WantedPrice>): void => change({ prices: prices.map((one, at) => (at === index ? { ...one, ...part } : one)) });
  const next = priceCategories.find((category) => !prices.some((one) => one.category === category));
  const begin = (): void => change({ prices: [{ category: "input", credits: "" }, { category: "output", credits: "" }], effectiveDate: new Date().toISOString().slice(0, 10) });
  if (prices.length === 0) {
    return (
      <Stack gap="xs" role="group" aria-label={t`Prices`}>
        <Text size="sm" fw={600}><Trans>Prices</Trans></Text>
        <Text size="xs" c="dimmed"><Trans>They stay as they are. New ones become a new version, and older versions are kept.</Trans></Text>
        <div><Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={begin}><Trans>Enter new prices</Trans></Button></div>
      </Stack>
    );
  }
  return (
    <Stack gap="xs" role="group" aria-label={t`Prices`}>
      <Text size="sm" fw={600}><Trans>Prices</Trans></Text>
      <Text size="xs" c="dimmed">
        {model === undefined
          ? <Trans>In credits for a million tokens. A category without a price costs as much as input or output.</Trans>
          : <Trans>In credits for a million tokens. They replace the whole version in force: repeat its prices for long inputs, its fees and its multipliers under further fields.</Trans>}
      </Text>
      <SimpleGrid cols={2}>
        {prices.slice(0, needed).map((one, index) => <AmountField key={one.category} label={categoryNames[one.category]} value={one.credits} onChange={(credits) => set(index, { credits })} />)}
      </SimpleGrid>
      {prices.map((one, index) => index >= needed && (
        <Group key={index} gap="xs" wrap="nowrap" align="flex-start">
          <NativeSelect aria-label={t`Category`} value={one.category} onChange={(event) => set(index, { category: event.currentTarget.value as PriceCategory })} style={{ flex: "2 1 0" }} data={priceCategories.slice(needed).map((category) => ({ value: category, label: categoryNames[category] }))} />
          <TextInput aria-label={t`Price of ${categoryNames[one.category]}`} placeholder={t`Credits`} inputMode="decimal" value={one.credits} onChange={(event) => set(index, { credits: event.currentTarget.value })} style={{ flex: "1 1 0" }} />
          <ActionIcon variant="subtle" color="gray" size={36} aria-label={t`Remove the price of ${categoryNames[one.category]}`} onClick={() => change({ prices: prices.filter((_, at) => at !== index) })}><Icon name="close" size={16} /></ActionIcon>
        </Group>
      ))}
      <Group gap="xs">
        {next !== undefined && <Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => change({ prices: [...prices, { category: next, credits: "" }] })}><Trans>Add a price</Trans></Button>}
        {model !== undefined && <Button size="xs" variant="subtle" onClick={() => change({ prices: [] })}><Trans>Leave the prices as they are</Trans></Button>}
      </Group>
      <TextInput type="date" label={t`They count from`} description={t`The beginning of the day in UTC`} value={wanted.effectiveDate} onChange={(event) => change({ effectiveDate: event.currentTarget.value })} />
      {error !== undefined && <Text size="xs" c="red">{error}</Text>}
    </Stack>
  );
}

function useCategoryNames(): Readonly<Record<PriceCategory, string>> {
  const { t } = useLingui();
  return {
    input: t`Input`, cache_read: t`Input read from a cache`, cache_write_5m: t`Input written to a cache`, cache_write_1h: t`Input written to a cache for an hour`, output: t`Output`,
    reasoning: t`Output that is reasoning`, input_audio: t`Audio input`, input_image: t`Images in the input`, cache_read_audio: t`Audio read from a cache`, output_audio: t`Audio output`,
    output_image: t`Images in the output`,
  };
}
