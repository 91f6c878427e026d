import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";

import { Part } from "../../../components/Part";
import { LimitsForm } from "../../../forms/operators/LimitsForm";
import { Surface } from "../../../ui/Surface";
import { LiveFrame } from "./LiveFrame";

/** How many connections and calls each Envoy accepts at a time. */
export function Limits() {
  return (
    <LiveFrame hint={<Trans>Each Envoy has these limits for itself. A change is live on all of them within two seconds.</Trans>}>
      <Part height={420}><Found /></Part>
    </LiveFrame>
  );
}

function Found() {
  const { data: limits } = useSuspenseQuery(CatalogChanges.method.getListenerLimits, { name: "listenerLimits" });
  return (
    <Surface title={<Trans>Limits of the listeners</Trans>} hint={<Trans>Above a lower limit, what is open goes on, and new ones are refused until there are fewer.</Trans>}>
      <LimitsForm key={limits.etag} limits={limits} />
    </Surface>
  );
}
