import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";

import { Icon } from "../../ui/Icon";
import { type WantedDeployment, type WantedModel, emptyDeployment } from "./definitions";

const mostDeployments = 8;

interface DeploymentRowsProps {
  readonly wanted: WantedModel;
  readonly change: (part: Partial<WantedModel>) => void;
  readonly providers: readonly string[];
  readonly error: string | undefined;
}

/** The places that serve a model. */
export function DeploymentRows({ wanted, change, providers, error }: DeploymentRowsProps) {
  const { t } = useLingui();
  const { deployments } = wanted;
  const set = (index: number, part: Partial<WantedDeployment>): void => change({ deployments: deployments.map((one, at) => (at === index ? { ...one, ...part } : one)) });
  const isOnly = deployments.length === 1;
  return (
    <Stack gap="xs" role="group" aria-label={t`Places that serve it`}>
      <Text size="sm" fw={600}><Trans>Places that serve it</Trans></Text>
      <Text size="xs" c="dimmed"><Trans>The highest priority is 0. Among places of one priority, callers are shared by weight.</Trans></Text>
      {deployments.map((one, index) => (
        <Group key={index} gap="xs" align="flex-start" className="surface" p="xs" style={{ rowGap: 8 }}>
          <NativeSelect
            size="xs" label={t`Provider`} value={one.provider} onChange={(event) => set(index, { provider: event.currentTarget.value })} style={{ flex: "2 1 130px" }}
            data={[{ value: "", label: t`Choose one` }, ...providers.map((id) => ({ value: id, label: id }))]}
          />
          <TextInput size="xs" label={t`Its name there`} maxLength={128} value={one.upstreamName} onChange={(event) => set(index, { upstreamName: event.currentTarget.value })} style={{ flex: "3 1 160px" }} />
          <TextInput size="xs" label={t`Region`} maxLength={64} value={one.region} onChange={(event) => set(index, { region: event.currentTarget.value })} style={{ flex: "1 1 100px" }} />
          <TextInput size="xs" label={t`Priority`} placeholder="0" inputMode="numeric" value={one.priority} onChange={(event) => set(index, { priority: event.currentTarget.value })} style={{ flex: "1 1 70px" }} />
          <TextInput size="xs" label={t`Weight`} placeholder="1" inputMode="numeric" value={one.weight} onChange={(event) => set(index, { weight: event.currentTarget.value })} style={{ flex: "1 1 70px" }} />
          {!isOnly && <ActionIcon variant="subtle" color="gray" size={30} mt={22} aria-label={t`Remove this place`} onClick={() => change({ deployments: deployments.filter((_, at) => at !== index) })}><Icon name="close" size={16} /></ActionIcon>}
        </Group>
      ))}
      {error !== undefined && <Text size="xs" c="red">{error}</Text>}
      {deployments.length < mostDeployments && (
        <div><Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => change({ deployments: [...deployments, emptyDeployment] })}><Trans>Add a place</Trans></Button></div>
      )}
    </Stack>
  );
}
