"""The content of the demo organization is consistent, checked without a database."""

import itertools
import json
import stat
from pathlib import Path

import pytest

from admin_service.access.permissions import Role
from admin_service.demo.content import GROUPS, GUARDRAILS, MEMBERS, ORGANIZATION, TOKENS
from admin_service.demo.document import demo_document, describe_guardrails
from admin_service.demo.secret_file import DemoSecrets, SecretFileError, load_or_create
from gateway_core.model.catalog_file import load_catalog
from gateway_core.model.ids import is_valid_id
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.support.repository import ROOT

TOKEN_IDS = [token.token_id for token in TOKENS]
KEYS = {key.key_id: member for member in MEMBERS for key in member.keys}
CATALOG_FILE = ROOT / "deploy" / "catalog" / "catalog.yaml"


_numbers = itertools.count()


def random_bytes(count: int) -> bytes:
    return next(_numbers).to_bytes(count, "big")


def test_the_demo_has_four_levels_four_roles_and_at_least_seven_members() -> None:
    assert max(len(group.path) for group in GROUPS) == 4
    assert {member.role for member in MEMBERS} == set(Role)
    assert len(MEMBERS) >= 7
    assert {guardrail.scope.kind for guardrail in GUARDRAILS} == set(ScopeKind)


def test_every_id_is_valid_and_every_parent_comes_first() -> None:
    ids = [ORGANIZATION, *KEYS, *(group.group_id for group in GROUPS), *(member.member_id for member in MEMBERS)]
    assert all(map(is_valid_id, ids))
    seen: set[str | None] = {None}
    for group in GROUPS:
        assert group.parent in seen
        seen.add(group.group_id)


def test_every_guardrail_limits_something_that_exists() -> None:
    scopes = {Scope(ScopeKind.ORGANIZATION, ORGANIZATION)}
    scopes |= {Scope(ScopeKind.GROUP, group.group_id) for group in GROUPS}
    scopes |= {Scope(ScopeKind.MEMBER, member.member_id) for member in MEMBERS}
    scopes |= {Scope(ScopeKind.API_KEY, key_id) for key_id in KEYS}
    assert {guardrail.scope for guardrail in GUARDRAILS} <= scopes


def test_a_level_1_admin_has_a_level_1_group_and_a_sub_admin_a_deeper_one() -> None:
    levels = {group.group_id: len(group.path) for group in GROUPS}
    for member in MEMBERS:
        if member.role is Role.L1_ADMIN:
            assert levels[str(member.group)] == 1
        if member.role is Role.SUB_ADMIN:
            assert levels[str(member.group)] > 1


def test_whitelisted_models_are_in_the_catalog() -> None:
    offered = {model.name for model in load_catalog(CATALOG_FILE).models}
    for guardrail in GUARDRAILS:
        assert set(guardrail.model_whitelist or ()) <= offered


def test_the_first_key_belongs_to_a_plain_member_deep_in_the_tree() -> None:
    member = MEMBERS[0]
    assert member.role is Role.MEMBER
    assert next(len(group.path) for group in GROUPS if group.group_id == member.group) == 4


def test_guardrails_are_listed_narrowest_first() -> None:
    text = describe_guardrails(KEYS["emma-default"], "emma-default")
    assert text == (
        "key: 250.00 credits; member: 300.00 credits daily, 6000 requests per minute; group evaluation: 400.00 credits weekly; "
        "group engineering: 600.00 credits monthly; organization: 800.00 credits monthly"
    )


def test_the_document_lists_every_key_with_its_purpose() -> None:
    secrets = DemoSecrets(
        {one.token_id: f"token of {one.token_id}" for one in TOKENS}, {key_id: f"secret of {key_id}" for key_id in KEYS}
    )
    document = json.loads(json.dumps(demo_document(secrets)))
    assert document["organization"] == "organizations/acme"
    assert document["admin_token"] == "token of demo-olivia"
    assert [(one["user"], one["role"]) for one in document["access_tokens"]] == [
        ("users/acme-olivia", "SUPER_ADMIN"),
        ("users/acme-liam", "L1_ADMIN"),
        ("users/acme-noah", "SUB_ADMIN"),
        ("users/acme-emma", "MEMBER"),
        ("users/acme-olivia", "OPERATOR"),
    ]
    assert len({one["token"] for one in document["access_tokens"]}) == 5
    assert [entry["name"].rsplit("/", 1)[1] for entry in document["api_keys"]] == list(KEYS)
    assert all(entry["shows"] and entry["key"].startswith("secret of") for entry in document["api_keys"])


def test_secrets_are_created_once_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    first = load_or_create(path, KEYS, TOKEN_IDS, random_bytes)
    assert load_or_create(path, KEYS, TOKEN_IDS, random_bytes) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(map(ACCESS_TOKEN.is_well_formed, first.access_tokens.values()))
    assert len(set(first.access_tokens.values())) == len(TOKEN_IDS)
    assert all(map(API_KEY.is_well_formed, first.api_keys.values()))
    assert len(set(first.api_keys.values())) == len(KEYS)


def test_a_new_key_in_the_content_gets_a_secret_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    first = load_or_create(path, ["one"], TOKEN_IDS, random_bytes)
    second = load_or_create(path, ["one", "two"], TOKEN_IDS, random_bytes)
    assert second.access_tokens == first.access_tokens
    assert second.api_keys["one"] == first.api_keys["one"]
    assert load_or_create(path, ["one", "two"], TOKEN_IDS, random_bytes) == second


def test_an_ended_token_gets_a_new_secret_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    first = load_or_create(path, KEYS, TOKEN_IDS, random_bytes)
    second = load_or_create(path, KEYS, TOKEN_IDS, random_bytes, ended_token_ids=["demo-member"])
    changed = [token for token in TOKEN_IDS if first.access_tokens[token] != second.access_tokens[token]]
    assert changed == ["demo-member"]
    assert load_or_create(path, KEYS, TOKEN_IDS, random_bytes) == second


def test_a_file_with_one_token_keeps_it_for_the_operator(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    first = load_or_create(path, KEYS, TOKEN_IDS, random_bytes)
    token = first.access_tokens["demo-olivia"]
    path.write_text(json.dumps({"admin_token": token, "api_keys": first.api_keys}))
    second = load_or_create(path, KEYS, TOKEN_IDS, random_bytes)
    assert second.access_tokens["demo-olivia"] == token
    assert set(second.access_tokens) == set(TOKEN_IDS)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    load_or_create(path, ["one"], TOKEN_IDS, random_bytes)
    path.chmod(0o644)
    with pytest.raises(SecretFileError, match="chmod 600"):
        load_or_create(path, ["one"], TOKEN_IDS, random_bytes)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"admin_token": "x", "api_keys": {}}',
        '{"admin_token": 1, "api_keys": 2}',
        '{"admin_token": 1, "api_keys": {}}',
    ],
)
def test_a_file_of_another_form_is_refused_and_not_changed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "demo.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SecretFileError):
        load_or_create(path, ["one"], TOKEN_IDS, random_bytes)
    assert path.read_text() == content
