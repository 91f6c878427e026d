import { useSuspenseQuery } from "@connectrpc/connect-query";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Catalog, type CategoryPrice, type ModelPrice, type PriceMultiplier, type UseFee } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Stack, Text } from "@mantine/core";

import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { type Column, DataTable } from "../../table/DataTable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { formatDate } from "../../util/times";
import { useTokenCategory } from "./labels";

const mostVersions = 100;

/** All versions of the prices of a model, with the days from which they count. */
export function Prices({ name }: { readonly name: string }) {
  const { data: model } = useSuspenseQuery(Catalog.method.getModel, { name });
  const { data } = useSuspenseQuery(Catalog.method.listModelPrices, { parent: name, pageSize: mostVersions });
  return <Stack gap="lg">{data.modelPrices.map((price) => <Price key={price.version} price={price} isCurrent={price.version === model.currentPrice?.version} />)}</Stack>;
}

function Price({ price, isCurrent }: { readonly price: ModelPrice; readonly isCurrent: boolean }) {
  const { t } = useLingui();
  const language = useLanguage();
  const now = useNow();
  const from = price.effectiveTime;
  const isAhead = from !== undefined && timestampDate(from) > now;
  const day = from === undefined ? "" : formatDate(from, language, "UTC");
  const above = price.longContext === undefined ? "" : formatCount(price.longContext.aboveInputTokens, language);
  return (
    <Surface
      flush title={<Trans>Prices, version {price.version}</Trans>} hint={<Trans>From {day} (UTC) on; in credits for a million tokens</Trans>}
      actions={<Badge variant="light" radius="sm" tt="none" color={isCurrent ? "teal" : isAhead ? "blue" : "gray"}>{isCurrent ? t`In force` : isAhead ? t`Ahead` : t`Over`}</Badge>}
    >
      <Categories caption={t`Prices, version ${price.version}`} prices={price.prices} />
      {price.longContext !== undefined && (
        <>
          <Text size="sm" c="dimmed" px={20} pt="sm"><Trans>Calls with more than {above} input tokens:</Trans></Text>
          <Categories caption={t`Prices of long calls, version ${price.version}`} prices={price.longContext.prices} />
        </>
      )}
      {(price.fees.length > 0 || price.multipliers.length > 0) && <Extras fees={price.fees} multipliers={price.multipliers} />}
    </Surface>
  );
}

function Categories({ caption, prices }: { readonly caption: string; readonly prices: readonly CategoryPrice[] }) {
  const language = useLanguage();
  const categoryName = useTokenCategory();
  const columns: readonly Column<CategoryPrice>[] = [
    { id: "category", header: <Trans>Tokens</Trans>, cell: (one) => categoryName(one.category) },
    { id: "price", header: <Trans>Price</Trans>, cell: (one) => formatCredits(one.priceNanoCreditsPerMillionTokens, language), align: "right" },
  ];
  return <DataTable caption={caption} columns={columns} rows={prices} keyOf={(one) => String(one.category)} />;
}

function Extras({ fees, multipliers }: { readonly fees: readonly UseFee[]; readonly multipliers: readonly PriceMultiplier[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  const amount = (fee: UseFee): string => formatCredits(fee.priceNanoCreditsPerUse, language);
  return (
    <div style={{ padding: 20 }}>
      <Properties
        entries={[
          ...fees.map((fee) => [fee.name.replaceAll("_", " "), fee.oncePerCall ? t`${amount(fee)} once for a call` : t`${amount(fee)} for each use`] as const),
          ...multipliers.map((one) => [[one.tier, one.speed, one.place].filter((part) => part !== "").join(", "), `× ${one.numerator}/${one.denominator}`] as const),
        ]}
      />
    </div>
  );
}
