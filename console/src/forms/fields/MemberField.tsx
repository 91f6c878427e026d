import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { useQuery } from "@connectrpc/connect-query";
import { type Member, Members } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import { allOf, idOf, quoted } from "../../api/names";
import { useParent } from "../../hooks/account";

const mostShown = 20;
const pauseMs = 250;

interface MemberFieldProps {
  /** The name of a member, or nothing. */
  readonly value: string;
  readonly onChange: (member: string, found: Member | undefined) => void;
  readonly label: string;
  readonly description?: string;
  readonly filter?: string;
  readonly error?: string | undefined;
}

/** Chooses a member. The service searches, so that it does not matter how many there are. */
export function MemberField({ value, onChange, label, description, filter = "", error }: MemberFieldProps) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState("");
  const [searched] = useDebouncedValue(text === chosen ? "" : text.trim(), pauseMs);
  const { data } = useQuery(
    Members.method.listMembers, { parent: useParent(), pageSize: mostShown, filter: allOf(filter, searched === "" ? "" : quoted(searched)) }, { placeholderData: keepPreviousData },
  );
  const found = data?.members ?? [];
  const isUnnamed = value !== "" && chosen === "" && !found.some(({ name }) => name === value);
  const { data: named } = useQuery(Members.method.getMember, isUnnamed ? { name: value } : skipToken);
  const nameOf = (member: Member): string => (member.displayName === "" || member.email === "" ? member.displayName || member.email || idOf(member.name) : `${member.displayName} (${member.email})`);
  return (
    <Select
      label={label} description={description} error={error} searchable clearable value={value === "" ? null : value} searchValue={text} onSearchChange={setText}
      nothingFoundMessage={t`No member matches`} placeholder={t`Search by name or address`} comboboxProps={{ withinPortal: true }}
      filter={({ options }) => options}
      data={[...(value !== "" && !found.some(({ name }) => name === value) ? [{ value, label: chosen || (named === undefined ? idOf(value) : nameOf(named)) }] : []), ...found.map((member) => ({ value: member.name, label: nameOf(member) }))]}
      onChange={(name) => {
        const member = found.find((one) => one.name === name);
        setChosen(member === undefined ? "" : nameOf(member));
        onChange(name ?? "", member);
      }}
    />
  );
}
