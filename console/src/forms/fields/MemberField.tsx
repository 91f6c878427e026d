import { skipToken } from "@tanstack/react-query";
import { useQuery } from "@connectrpc/connect-query";
import { type Member, Members } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { Select } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { memberLabel, useMemberSearch } from "../../hooks/member_search";

interface MemberFieldProps {
  /** The name of a member, or nothing. */
  readonly value: string;
  readonly onChange: (member: string, found: Member | undefined) => void;
  readonly label: string;
  /** In a row of filters, where no other has a label above it. */
  readonly hidesLabel?: boolean;
  readonly description?: string;
  readonly filter?: string;
  readonly error?: string | undefined;
}

/** Chooses a member. The service searches, so that it does not matter how many there are. */
export function MemberField({ value, onChange, label, hidesLabel = false, description, filter = "", error }: MemberFieldProps) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState("");
  const found = useMemberSearch(text === chosen ? "" : text, filter);
  const isUnnamed = value !== "" && chosen === "" && !found.some(({ name }) => name === value);
  const { data: named } = useQuery(Members.method.getMember, isUnnamed ? { name: value } : skipToken);
  return (
    <Select
      {...(hidesLabel ? { "aria-label": label } : { label })} description={description} error={error} searchable clearable value={value === "" ? null : value} searchValue={text} onSearchChange={setText}
      nothingFoundMessage={t`No member matches`} placeholder={t`Search by name or address`} comboboxProps={{ withinPortal: true }}
      filter={({ options }) => options}
      data={[...(value !== "" && !found.some(({ name }) => name === value) ? [{ value, label: chosen || (named === undefined ? idOf(value) : memberLabel(named)) }] : []), ...found.map((member) => ({ value: member.name, label: memberLabel(member) }))]}
      onChange={(name) => {
        const member = found.find((one) => one.name === name);
        setChosen(member === undefined ? "" : memberLabel(member));
        onChange(name ?? "", member);
      }}
    />
  );
}
