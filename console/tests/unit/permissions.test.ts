import { create } from "@bufbuild/protobuf";
import { AccountSchema, GroupSchema, MemberSchema, Member_State, Role } from "@megarouter/admin";
import { expect, test } from "vitest";

import { grantableRoles, mayChangeGroup, mayChangeMember, mayCreateBelow, mayUseGroup, roleFits } from "../../src/util/permissions";

const division = create(GroupSchema, { name: "g/division", level: 1, path: ["g/division"] });
const team = create(GroupSchema, { name: "g/team", level: 2, path: ["g/division", "g/team"] });
const elsewhere = create(GroupSchema, { name: "g/elsewhere", level: 1, path: ["g/elsewhere"] });
const deepest = create(GroupSchema, { name: "g/deepest", level: 4, path: ["g/division", "g/team", "g/unit", "g/deepest"] });
const superAdmin = create(AccountSchema, { role: Role.SUPER_ADMIN });
const l1Admin = create(AccountSchema, { role: Role.L1_ADMIN, group: "g/division" });
const subAdmin = create(AccountSchema, { role: Role.SUB_ADMIN, group: "g/team" });

test("an L1 Admin changes the groups below their own, and not their own", () => {
  expect([division, team, elsewhere].map((group) => mayChangeGroup(l1Admin, group))).toEqual([false, true, false]);
  expect(mayChangeGroup(superAdmin, division)).toBe(true);
  expect(mayChangeGroup(subAdmin, deepest)).toBe(false);
});

test("there is no group below the fourth level", () => {
  expect([mayCreateBelow(superAdmin, undefined), mayCreateBelow(superAdmin, deepest)]).toEqual([true, false]);
  expect([mayCreateBelow(l1Admin, undefined), mayCreateBelow(l1Admin, division), mayCreateBelow(l1Admin, elsewhere)]).toEqual([false, true, false]);
});

test("an admin changes members of lower roles, and nobody changes a removed one", () => {
  const of = (role: Role, state = Member_State.ACTIVE) => create(MemberSchema, { role, state });
  expect([of(Role.L1_ADMIN), of(Role.SUB_ADMIN), of(Role.MEMBER)].map((member) => mayChangeMember(l1Admin, member))).toEqual([false, true, true]);
  expect(mayChangeMember(superAdmin, of(Role.SUPER_ADMIN))).toBe(true);
  expect(mayChangeMember(superAdmin, of(Role.MEMBER, Member_State.REMOVED))).toBe(false);
});

test("a role is given by those above it, to groups that it fits", () => {
  expect(grantableRoles(subAdmin)).toEqual([Role.MEMBER]);
  expect([0, 1, 2].map((level) => roleFits(Role.SUPER_ADMIN, level))).toEqual([true, false, false]);
  expect([0, 1, 2].map((level) => roleFits(Role.L1_ADMIN, level))).toEqual([false, true, false]);
  expect([0, 1, 2].map((level) => roleFits(Role.SUB_ADMIN, level))).toEqual([false, false, true]);
  expect([0, 1, 4].map((level) => roleFits(Role.MEMBER, level))).toEqual([true, true, true]);
});

test("only a Super Admin chooses no group", () => {
  expect([mayUseGroup(superAdmin, undefined), mayUseGroup(l1Admin, undefined), mayUseGroup(l1Admin, team), mayUseGroup(l1Admin, elsewhere)]).toEqual([true, false, true, false]);
});
