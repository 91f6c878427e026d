"""Attempts of a service's role to exceed its rights. PostgreSQL must refuse each of them.

They run on live databases, so none may take a lock before PostgreSQL checks the right. DROP TRIGGER, for example,
would.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Attempt:
    """Statements of one transaction that is rolled back. PostgreSQL must refuse the last one for lack of a right."""

    name: str
    statement: str
    """SQL. `{owner}` is replaced by the owner of the tables."""


@dataclass(frozen=True, slots=True)
class Return:
    """A statement that always succeeds and must not change the role of the session."""

    name: str
    statement: str


RETURNS: Final = (
    Return("drop the role", "SET ROLE NONE"),
    Return("reset the role", "RESET ROLE"),
    Return("reset the session's login", "RESET SESSION AUTHORIZATION"),
    Return("reset everything", "RESET ALL"),
)

_TO_OTHERS: Final = (
    Attempt("become the owner", "SET ROLE {owner}"),
    Attempt("log in again as the owner", "SET SESSION AUTHORIZATION {owner}"),
    Attempt("become the audit", "SET ROLE megarouter_audit"),
    Attempt("become a reader of all data", "SET ROLE pg_read_all_data"),
    Attempt("join the owner", "GRANT {owner} TO CURRENT_USER"),
    Attempt("join the readers of files", "GRANT pg_read_server_files TO CURRENT_USER"),
    Attempt("become a superuser", "ALTER ROLE CURRENT_USER SUPERUSER"),
    Attempt("become able to create roles", "ALTER ROLE CURRENT_USER CREATEROLE"),
    Attempt("pass the wall", "ALTER ROLE CURRENT_USER BYPASSRLS"),
    Attempt("create a superuser", "CREATE ROLE megarouter_intruder LOGIN SUPERUSER"),
    Attempt("change the owner's password", "ALTER ROLE {owner} PASSWORD 'intruder'"),
    Attempt("read the passwords", "SELECT rolpassword FROM pg_authid"),
)
_TO_THE_SERVER: Final = (
    Attempt("read a file", "SELECT pg_read_file('postgresql.conf')"),
    Attempt("list a directory", "SELECT * FROM pg_ls_dir('.')"),
    Attempt("run a program", "COPY (SELECT 1) TO PROGRAM 'true'"),
    Attempt("write a file", "COPY (SELECT 1) TO '/dev/null'"),
    Attempt("import a file", "SELECT lo_import('/etc/passwd')"),
    Attempt("switch off the log", "SET log_statement = 'none'"),
    Attempt("reload the configuration", "SELECT pg_reload_conf()"),
)
_TO_THE_GUARDS: Final = (
    Attempt("switch off the triggers of the session", "SET session_replication_role = replica"),
    Attempt("switch off a trigger", "ALTER TABLE ledger_transfers DISABLE TRIGGER ALL"),
    Attempt("rewrite a trigger's function", "ALTER FUNCTION refuse_change() RENAME TO refuse_nothing"),
    Attempt("take down the wall", "ALTER TABLE ledger_heads DISABLE ROW LEVEL SECURITY"),
    Attempt("add a hole to the wall", "CREATE POLICY hole ON ledger_heads USING (true)"),
    Attempt("look over the wall", "SET LOCAL row_security = off; SELECT * FROM ledger_heads"),
    Attempt("rebuild the wall", "CALL divide_by_organization('holds')"),
    Attempt("drop a table", "DROP TABLE audit_log"),
    Attempt("take over a table", "ALTER TABLE ledger_transfers OWNER TO CURRENT_USER"),
    Attempt("create a table", "CREATE TABLE public.intruder (id integer)"),
    Attempt("create a temporary table", "CREATE TEMPORARY TABLE ledger_heads (id integer)"),
    Attempt("create a schema", "CREATE SCHEMA intruder"),
    Attempt("create a function", "CREATE FUNCTION public.intruder() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    Attempt("forge a migration", "INSERT INTO schema_migrations (name, digest) VALUES ('9999_intruder.sql', '')"),
    Attempt("forget the migrations", "DELETE FROM schema_migrations"),
)
_TO_THE_BOOKS: Final = tuple(
    Attempt(f"{verb} {table}", statement.format(table=table, column=column))
    for table, column in (
        ("ledger_transfers", "reason"),
        ("usage_records", "detail"),
        ("usage_corrections", "detail"),
        ("usage_findings", "report"),
        ("usage_quarantine", "report"),
        ("price_versions", "model_name"),
        ("audit_log", "address"),
    )
    for verb, statement in (
        ("update", "UPDATE {table} SET {column} = ''"),
        ("delete from", "DELETE FROM {table}"),
        ("truncate", "TRUNCATE {table} CASCADE"),
    )
)
_TO_ALL_SERVICES: Final = (
    Attempt("delete holds", "DELETE FROM holds"),
    Attempt("raise a hold", "UPDATE holds SET amount_nano_credits = 0"),
    Attempt("delete spend", "DELETE FROM scope_spend"),
    Attempt("delete organizations", "DELETE FROM organizations"),
    Attempt("add an account to a ledger", "INSERT INTO ledger_accounts (organization_id, account) VALUES ('a', 'USAGE')"),
    Attempt("move a ledger to another organization", "UPDATE ledger_heads SET organization_id = 'other'"),
    Attempt("read the revisions of all", "SELECT * FROM identity_revisions"),
    Attempt("count up a sequence", "SELECT nextval('cycle_revisions')"),
    Attempt("revise identities", "SELECT revise_identities('acme')"),
)  # fmt: skip


def _reads(*tables: str) -> tuple[Attempt, ...]:
    return tuple(Attempt(f"read {table}", f"SELECT * FROM {table}") for table in tables)  # noqa: S608 - our own names


_PEOPLE: Final = ("users", "user_identities", "members", "groups", "invites", "api_keys", "access_tokens")
_TO_ADMINISTRATION: Final = (
    *_reads(*_PEOPLE, "audit_log", "request_replays"),
    Attempt("create an organization", "INSERT INTO organizations (organization_id, display_name) VALUES ('a', 'A')"),
    Attempt("raise a budget", "UPDATE guardrails SET budget_nano_credits = NULL"),
    Attempt("lower a price", "INSERT INTO price_versions VALUES ('m', 2, now(), '{{}}')"),
    Attempt("accept an invite", "SELECT * FROM invite_of_token('', '')"),
    Attempt("list accounts", "SELECT * FROM my_accounts()"),
)  # fmt: skip
_TO_THE_LEDGER: Final = (
    Attempt("settle a hold", "UPDATE holds SET state = 'VOIDED', resolve_time = now()"),
    Attempt("forget spend", "UPDATE scope_spend SET settled_nano_credits = 0"),
    Attempt("skip the journal", "UPDATE journal_offsets SET byte_offset = 0"),
    Attempt("record usage", "INSERT INTO usage_records SELECT * FROM usage_records"),
)  # fmt: skip

# notification_service sends these.
_TO_MAIL: Final = _reads("invoice_requests", "outbox_messages")

ATTEMPTS: Final = {
    "megarouter_authz": (
        *_TO_OTHERS, *_TO_THE_SERVER, *_TO_THE_GUARDS, *_TO_THE_BOOKS, *_TO_ALL_SERVICES, *_TO_ADMINISTRATION, *_TO_THE_LEDGER,
        *_TO_MAIL,
        *_reads("organizations", "guardrails", "ledger_transfers", "ledger_postings", "usage_records", "journal_offsets"),
        Attempt("post to the ledger", "INSERT INTO ledger_transfers SELECT * FROM ledger_transfers"),
        Attempt("change a balance", "UPDATE ledger_accounts SET balance_nano_credits = 0"),
        Attempt("change a sequence", "UPDATE ledger_heads SET sequence = 0"),
    ),
    "megarouter_usage": (
        *_TO_OTHERS, *_TO_THE_SERVER, *_TO_THE_GUARDS, *_TO_THE_BOOKS, *_TO_ALL_SERVICES, *_TO_ADMINISTRATION, *_TO_MAIL,
        Attempt("look up a key", "SELECT * FROM identity_of_key('')"),
        Attempt("read an address", "SELECT address_of_mailed_member('', '')"),
        Attempt("list hashes of keys", "SELECT * FROM hashes_of_keys_used_lately(1)"),
    ),
    "megarouter_admin": (
        *_TO_OTHERS, *_TO_THE_SERVER, *_TO_THE_GUARDS, *_TO_THE_BOOKS, *_TO_ALL_SERVICES, *_TO_THE_LEDGER,
        Attempt("place a hold", "INSERT INTO holds SELECT * FROM holds"),
        Attempt("list hashes of keys", "SELECT * FROM hashes_of_keys_used_lately(1)"),
        Attempt("delete a member", "DELETE FROM members"),
        Attempt("rewrite an invite", "UPDATE invites SET role = 'SUPER_ADMIN'"),
        Attempt("extend a token to everything", "UPDATE access_tokens SET permissions = NULL"),
    ),
    "megarouter_notification": (
        *_TO_OTHERS, *_TO_THE_SERVER, *_TO_THE_GUARDS, *_TO_THE_BOOKS, *_TO_ALL_SERVICES, *_TO_ADMINISTRATION, *_TO_THE_LEDGER,
        *_reads("organizations", "guardrails", "holds", "ledger_transfers", "ledger_postings", "ledger_accounts", "usage_records",
                "notification_rules", "inbox_entries"),
        Attempt("post to the ledger", "INSERT INTO ledger_transfers SELECT * FROM ledger_transfers"),
        Attempt("change a balance", "UPDATE ledger_accounts SET balance_nano_credits = 0"),
        Attempt("forge an event", "INSERT INTO alert_events SELECT * FROM alert_events"),
        Attempt("forge a delivery", "INSERT INTO notification_deliveries SELECT * FROM notification_deliveries"),
        Attempt("send elsewhere", "UPDATE notification_channels SET sealed_target = ''"),
        Attempt("rewrite an attempt", "UPDATE delivery_attempts SET answer = ''"),
        Attempt("delete an attempt", "DELETE FROM delivery_attempts"),
        Attempt("mail to others", "UPDATE outbox_messages SET recipient_email = ''"),
        Attempt("mail a member", "SELECT mail_channels('', '{{}}')"),
        Attempt("read addresses of contacts", "SELECT billing_email FROM invoice_requests"),
        Attempt("look up a key", "SELECT * FROM identity_of_key('')"),
    ),
}  # fmt: skip
"""The attempts by role."""
