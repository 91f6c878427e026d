import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Group, GroupView, Groups } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Box, Button, Group as Row, Menu, Text } from "@mantine/core";
import { type DragEvent, type ReactNode, useState } from "react";

import { quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { type GroupAct, GroupDialog } from "../../forms/organization/GroupForms";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { pathOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Icon } from "../../ui/Icon";
import { Meter } from "../../ui/Meter";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { mayChangeGroup, mayCreateBelow } from "../../util/permissions";
import { asTree } from "../../util/tree";
import { OrganizationHeader } from "./OrganizationHeader";

const mostShown = 1000;
const levelPage = 100;
const indentPx = 22;

/** The groups as a tree. A group is moved by dragging it, or from its menu. */
export function GroupTree() {
  const { account } = usePlace();
  const [act, setAct] = useState<GroupAct | undefined>(undefined);
  return (
    <>
      <OrganizationHeader
        hint={<Trans>Groups give teams budgets and admins of their own, on up to four levels.</Trans>}
        actions={<Button disabled={!mayCreateBelow(account, undefined)} onClick={() => setAct({ kind: "create", below: undefined })}><Trans>Create a group</Trans></Button>}
      />
      <Surface><Part height={320}><Tree setAct={setAct} /></Part></Surface>
      <GroupDialog act={act} close={() => setAct(undefined)} />
    </>
  );
}

/** A tree of up to 1,000 groups at once; a larger one level by level, as somebody opens it. */
function Tree({ setAct }: { readonly setAct: (act: GroupAct) => void }) {
  const { account } = usePlace();
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent: account.organization, pageSize: mostShown, view: GroupView.FULL });
  const dragging = useDragging(setAct);
  const { dragged, takes, drop } = dragging;
  if (data.groups.length === 0) return <EmptyState title={<Trans>No groups yet</Trans>} step={<Trans>Groups give teams a budget of their own. Choose “Create a group” above.</Trans>} command="megarouter groups create Engineering" />;
  return (
    <>
      {data.nextPageToken === "" ? (
        <Box role="list">{asTree(data.groups).map(({ group, depth }) => <TreeItem key={group.name} group={group} depth={depth} setAct={setAct} dragging={dragging} />)}</Box>
      ) : (
        <Level below={account.group} depth={0} setAct={setAct} dragging={dragging} />
      )}
      {dragged !== undefined && dragged.level > 1 && takes(undefined) && <Text ta="center" size="sm" c="dimmed" p="md" mt="sm" {...drop(undefined)} style={{ border: "1px dashed var(--line)", borderRadius: 8 }}><Trans>Drop here for level 1</Trans></Text>}
    </>
  );
}

interface ItemProps {
  readonly depth: number;
  readonly setAct: (act: GroupAct) => void;
  readonly dragging: Dragging;
}

function TreeItem({ group, depth, setAct, dragging, opener }: ItemProps & { readonly group: Group; readonly opener?: ReactNode }) {
  const { account } = usePlace();
  return (
    <Box role="listitem" pl={depth * indentPx} py={6} draggable={mayChangeGroup(account, group)} onDragStart={() => dragging.setDragged(group)} onDragEnd={() => dragging.setDragged(undefined)} {...dragging.drop(group)}>
      <Row gap={4} wrap="nowrap">{opener}<Box style={{ flex: 1, minWidth: 0 }}><GroupRow group={group} depth={depth} setAct={setAct} /></Box></Row>
    </Box>
  );
}

/** The groups directly below a group, or on top, page by page. */
function Level({ below, ...rest }: ItemProps & { readonly below: string }) {
  const [tokens, setTokens] = useState<readonly string[]>([""]);
  return <>{tokens.map((token, index) => <Part key={token}><LevelPage below={below} token={token} {...rest} more={index === tokens.length - 1 ? (next) => setTokens([...tokens, next]) : undefined} /></Part>)}</>;
}

function LevelPage({ below, token, more, ...rest }: ItemProps & { readonly below: string; readonly token: string; readonly more: ((token: string) => void) | undefined }) {
  const parent = usePlace().account.organization;
  const filter = below === "" ? "level = 1" : `parent_group = ${quoted(below)}`;
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent, filter, pageSize: levelPage, pageToken: token, view: GroupView.FULL });
  return (
    <>
      {data.groups.map((group) => <Branch key={group.name} group={group} {...rest} />)}
      {more !== undefined && data.nextPageToken !== "" && <Box pl={rest.depth * indentPx} py={6}><Button size="xs" variant="default" onClick={() => more(data.nextPageToken)}><Trans>Show more groups</Trans></Button></Box>}
    </>
  );
}

function Branch({ group, ...rest }: ItemProps & { readonly group: Group }) {
  const { t } = useLingui();
  const [isOpen, setOpen] = useState(false);
  const opener = (
    <ActionIcon variant="subtle" color="gray" size="sm" aria-expanded={isOpen} aria-label={t`Groups below ${group.displayName}`} onClick={() => setOpen(!isOpen)} style={{ visibility: group.childCount === 0 ? "hidden" : undefined, rotate: isOpen ? "90deg" : undefined }}>
      <Icon name="right" size={14} />
    </ActionIcon>
  );
  return (
    <>
      <TreeItem group={group} {...rest} opener={opener} />
      {isOpen && <Level {...rest} below={group.name} depth={rest.depth + 1} />}
    </>
  );
}

type Dragging = ReturnType<typeof useDragging>;

/** Lets a group be dragged onto another one, which asks for the move. */
function useDragging(setAct: (act: GroupAct) => void) {
  const { account } = usePlace();
  const [dragged, setDragged] = useState<Group | undefined>(undefined);
  const [over, setOver] = useState<string | undefined>(undefined);
  const takes = (target: Group | undefined): boolean => dragged !== undefined && (target?.name ?? "") !== dragged.parentGroup && !(target?.path ?? []).includes(dragged.name) && mayCreateBelow(account, target);
  const drop = (target: Group | undefined) => ({
    className: over === (target?.name ?? "") && takes(target) ? "drop-target" : undefined,
    onDragOver: (event: DragEvent) => {
      if (!takes(target)) return;
      event.preventDefault();
      setOver(target?.name ?? "");
    },
    onDragLeave: () => setOver(undefined),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      if (dragged !== undefined) setAct({ kind: "move", group: dragged, to: target?.name ?? "" });
      setDragged(undefined);
      setOver(undefined);
    },
  });
  return { dragged, setDragged, takes, drop };
}

function GroupRow({ group, depth, setAct }: { readonly group: Group; readonly depth: number; readonly setAct: (act: GroupAct) => void }) {
  const { t } = useLingui();
  const language = useLanguage();
  const budget = group.budgetNanoCredits === undefined ? undefined : group.budgetNanoCredits + group.carriedNanoCredits;
  return (
    <Row wrap="nowrap" gap="md">
      <Box style={{ flex: 1, minWidth: 0 }}>
        <Row gap="sm" wrap="nowrap">
          <AppLink to={pathOf(group.name)} fw={depth === 0 ? 600 : 400} className="cut">{group.displayName}</AppLink>
          {!group.figuresHidden && <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }} visibleFrom="xs"><Trans>{formatCount(group.subtreeMemberCount, language)} people</Trans></Text>}
        </Row>
        {budget !== undefined && !group.figuresHidden && <Box mt={4}><Meter used={group.spentNanoCredits} limit={budget} label={t`Budget of ${group.displayName}`} height={4} /></Box>}
      </Box>
      {!group.figuresHidden && (
        <Text size="sm" className="figures" style={{ whiteSpace: "nowrap" }} ta="right">
          {formatCredits(group.spentNanoCredits, language, 2)}
          <Text span c="dimmed" size="sm">{budget === undefined ? <> <Trans>in total</Trans></> : ` / ${formatCredits(budget, language, 2)}`}</Text>
        </Text>
      )}
      <GroupMenu group={group} setAct={setAct} />
    </Row>
  );
}

/** What can be done with a group. What this person may not do is disabled. */
interface GroupMenuProps {
  readonly group: Group;
  readonly setAct: (act: GroupAct) => void;
  /** Whether it opens by a button with a text, as on a page of its own, or by an icon. */
  readonly named?: boolean;
}

export function GroupMenu({ group, setAct, named = false }: GroupMenuProps) {
  const { account } = usePlace();
  const { t } = useLingui();
  const may = mayChangeGroup(account, group);
  const mayBelow = mayCreateBelow(account, group);
  const label = t`Actions for ${group.displayName}`;
  return (
    <Menu position="bottom-end" shadow="md" width={240}>
      <Menu.Target>
        {named ? <Button variant="default" aria-label={label} rightSection={<Icon name="more" size={16} />}><Trans>Actions</Trans></Button> : <ActionIcon variant="subtle" color="gray" aria-label={label}><Icon name="more" /></ActionIcon>}
      </Menu.Target>
      <Menu.Dropdown>
        {!may && <Menu.Label><Trans>Only admins above this group change it.</Trans></Menu.Label>}
        <Menu.Item disabled={!mayBelow} onClick={() => setAct({ kind: "create", below: group })}><Trans>Create a group below…</Trans></Menu.Item>
        <Menu.Item disabled={!may} onClick={() => setAct({ kind: "rename", group })}><Trans>Rename…</Trans></Menu.Item>
        <Menu.Item disabled={!may} onClick={() => setAct({ kind: "move", group })}><Trans>Move…</Trans></Menu.Item>
        <Menu.Divider />
        <Menu.Item disabled={!may} color="red" onClick={() => setAct({ kind: "delete", group })}><Trans>Delete…</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
