import pytest

from gateway_core.schema.files import SchemaError
from gateway_core.schema.grants import Grant, load_grants
from gateway_core.schema.logins import SERVICE_URLS, read_passwords

AUTHZ = "MEGAROUTER_AUTHZ_DATABASE_URL"


def test_passwords_are_read_from_the_urls_of_the_services() -> None:
    environment = {
        AUTHZ: "postgresql://megarouter_authz:se%40cret@db/megarouter",
        "MEGAROUTER_USAGE_DATABASE_URL": "postgresql://megarouter_usage@db/megarouter",
        "MEGAROUTER_ADMIN_DATABASE_URL": "",
    }
    assert read_passwords(environment) == {"megarouter_authz": "se@cret"}


@pytest.mark.parametrize(
    "url",
    ["postgresql://megarouter:secret@db/megarouter", "postgresql://db/megarouter", "postgresql://[secret", "secret"],
)
def test_a_url_with_another_login_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SchemaError, match=AUTHZ) as caught:
        read_passwords({AUTHZ: url})
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_grants_are_read_from_roles_sql() -> None:
    grants = load_grants()
    assert {
        Grant("megarouter_authz", "holds", "INSERT"),
        Grant("megarouter_usage", "holds (token)", "UPDATE"),
        Grant("megarouter_admin", "invite_of_token(bytea,text)", "EXECUTE"),
        Grant("megarouter_audit", "schema public", "USAGE"),
        Grant("megarouter_audit", "journal_offsets", "SELECT"),
    } <= grants


def test_no_service_may_change_or_delete_immutable_rows() -> None:
    deleting = {(grant.role, grant.object) for grant in load_grants() if grant.privilege in {"DELETE", "TRUNCATE"}}
    deletable = {
        "request_replays", "claim_mappings", "claim_memberships", "scim_group_members", "analysis_settings",
        "usage_exports", "usage_export_parts", "notification_rules", "notification_channels",
        "catalog_virtual_models", "virtual_models", "routing_policies",
        "provider_credentials", "configuration_answers", "organization_provider_credentials", "export_schedules",
    }  # fmt: skip
    recomputable = {"refused_calls", "usage_rollups", "usage_hours", "usage_tagged_hours", "usage_days", "usage_months",
                    "usage_running_totals", "usage_year_totals", "usage_member_numbers", "usage_member_sets",
                    "usage_tag_days", "alert_states", "open_incidents", "alert_lags"}  # fmt: skip
    assert deleting == {("megarouter_admin", table) for table in deletable} | {
        ("megarouter_usage", table) for table in recomputable
    }
    immutable = (
        "ledger_transfers",
        "usage_records",
        "usage_corrections",
        "usage_findings",
        "usage_quarantine",
        "price_versions",
        "audit_log",
    )
    changing = {grant.object.partition(" ")[0] for grant in load_grants() if grant.privilege == "UPDATE"}
    assert not changing & set(immutable)


def test_authz_service_may_write_only_holds_and_the_audit_nothing() -> None:
    writes = {
        (grant.role, grant.privilege, grant.object)
        for grant in load_grants()
        if grant.privilege in {"INSERT", "UPDATE", "DELETE"} and grant.role in {"megarouter_authz", "megarouter_audit"}
    }
    assert writes == {("megarouter_authz", "INSERT", "holds")}


def test_only_roles_of_the_services_have_grants() -> None:
    assert {grant.role for grant in load_grants()} == {*SERVICE_URLS, "megarouter_audit"}
