import { ModelDeployment_State, Provider_Health, RoutingPolicy_Mode, TokenCategory } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

export function useTokenCategory(): (category: TokenCategory) => string {
  const { t } = useLingui();
  return (category) =>
    ({
      [TokenCategory.UNSPECIFIED]: "", [TokenCategory.INPUT]: t`Input`, [TokenCategory.CACHE_READ]: t`Input read from a cache`,
      [TokenCategory.CACHE_WRITE_5M]: t`Input written to a cache`, [TokenCategory.CACHE_WRITE_1H]: t`Input written to a cache for an hour`, [TokenCategory.OUTPUT]: t`Output`,
      [TokenCategory.OUTPUT_REASONING]: t`Output that is reasoning`, [TokenCategory.INPUT_AUDIO]: t`Audio input`, [TokenCategory.INPUT_IMAGE]: t`Images in the input`,
      [TokenCategory.CACHE_READ_AUDIO]: t`Audio read from a cache`, [TokenCategory.OUTPUT_AUDIO]: t`Audio output`, [TokenCategory.OUTPUT_IMAGE]: t`Images in the output`,
    })[category];
}

export function useProviderHealth(): (health: Provider_Health) => { readonly label: string; readonly color: string } {
  const { t } = useLingui();
  return (health) =>
    ({
      [Provider_Health.UNSPECIFIED]: { label: "", color: "gray" }, [Provider_Health.UNKNOWN]: { label: t`No recent call`, color: "gray" },
      [Provider_Health.HEALTHY]: { label: t`Healthy`, color: "teal" }, [Provider_Health.DEGRADED]: { label: t`Degraded`, color: "orange" },
      [Provider_Health.FAILING]: { label: t`Failing`, color: "red" },
    })[health];
}

export function useDeploymentState(): (state: ModelDeployment_State) => string {
  const { t } = useLingui();
  return (state) => ({ [ModelDeployment_State.UNSPECIFIED]: t`unknown`, [ModelDeployment_State.SERVING]: t`serves`, [ModelDeployment_State.LEFT]: t`left for now` })[state];
}

export function useMode(): (mode: RoutingPolicy_Mode) => string {
  const { t } = useLingui();
  return (mode) =>
    ({
      [RoutingPolicy_Mode.UNSPECIFIED]: t`As the scope above says`, [RoutingPolicy_Mode.OFF]: t`Off: the baseline serves`,
      [RoutingPolicy_Mode.SHADOW]: t`Shadow: the baseline serves, and the saving is recorded`, [RoutingPolicy_Mode.LIVE]: t`Live: the chosen model serves`,
    })[mode];
}
