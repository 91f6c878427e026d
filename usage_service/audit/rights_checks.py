"""Checks of the services' roles in the system catalogs: their rights, and that none can become another role."""

from typing import Final

from gateway_core.schema.grants import load_grants
from gateway_core.schema.logins import AUDIT_ROLE, SERVICE_URLS
from usage_service.audit.check import Check
from usage_service.audit.guard_checks import IMMUTABLE_TABLES

SERVICE_ROLES: Final = tuple(SERVICE_URLS)
ROLES: Final = (*SERVICE_ROLES, AUDIT_ROLE)


def _rows(*rows: tuple[str, ...]) -> str:
    """Returns the rows of a VALUES list. The values are trusted names."""
    return ", ".join("(" + ", ".join(f"'{value}'" for value in row) + ")" for row in rows)


_ROLES: Final = _rows(*((role,) for role in ROLES))
_SERVICE_ROLES: Final = _rows(*((role,) for role in SERVICE_ROLES))
_TABLES: Final = _rows(*((table,) for table in IMMUTABLE_TABLES))
_GRANTED: Final = _rows(*((grant.role, grant.object, grant.privilege) for grant in sorted(load_grants())))

# Objects of extensions are excluded: some grant PUBLIC what their users need.
_HELD: Final = f"""
    SELECT coalesce(r.rolname, 'PUBLIC') AS role, held.object, held.privilege_type AS privilege
      FROM (SELECT c.relname::text AS object, a.grantee, a.privilege_type
              FROM pg_class c, aclexplode(c.relacl) AS a
             WHERE c.relnamespace = 'public'::regnamespace
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
            UNION ALL
            SELECT format('%s (%s)', c.relname, t.attname), a.grantee, a.privilege_type
              FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) AS a
             WHERE c.relnamespace = 'public'::regnamespace
            UNION ALL
            SELECT p.oid::regprocedure::text, a.grantee, a.privilege_type
              FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
             WHERE p.pronamespace = 'public'::regnamespace
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 'schema ' || n.nspname, a.grantee, a.privilege_type
              FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
             WHERE n.nspname = 'public') AS held
      LEFT JOIN pg_roles r ON r.oid = held.grantee
     WHERE held.grantee = 0 OR r.rolname IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
"""  # noqa: S608 - our own names

LEAST_RIGHTS: Final = Check(
    "least-rights",
    "INV-02",
    "the services' roles and PUBLIC have exactly the rights in roles.sql; none may change or delete immutable rows",
    (),
    f"""
    SELECT NULL, 'role ' || role, format('may %s %s', privilege, object)
      FROM ({_HELD} EXCEPT SELECT * FROM (VALUES {_GRANTED}) AS granted (role, object, privilege)) AS extra
    UNION ALL
    SELECT NULL, 'role ' || role, format('may not %s %s', privilege, object)
      FROM (SELECT * FROM (VALUES {_GRANTED}) AS granted (role, object, privilege) EXCEPT {_HELD}) AS absent
    UNION ALL
    SELECT NULL, 'role ' || role.name, format('may %s immutable %s', operation, guarded.name)
      FROM (VALUES {_ROLES}) AS role (name) JOIN pg_roles r ON r.rolname = role.name, (VALUES {_TABLES}) AS guarded (name),
           unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS operation
     WHERE has_table_privilege(role.name, guarded.name, operation)
        OR (operation = 'UPDATE' AND has_any_column_privilege(role.name, guarded.name, operation))
    """,  # noqa: S608 - our own names
)

ROLES_CONFINED: Final = Check(
    "roles-confined",
    "INV-02 INV-12",
    "a service logs in as a role that is a member of no other, owns and creates nothing, and escapes no trigger and no wall",
    (),
    f"""
    SELECT NULL, 'role ' || role.name, 'does not exist'
      FROM (VALUES {_ROLES}) AS role (name) WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role.name)
    UNION ALL
    SELECT NULL, 'role ' || r.rolname, 'is ' || attribute.name
      FROM pg_roles r, LATERAL (VALUES (r.rolsuper, 'SUPERUSER'), (r.rolcreaterole, 'CREATEROLE'), (r.rolcreatedb, 'CREATEDB'),
           (r.rolreplication, 'REPLICATION'), (r.rolbypassrls, 'BYPASSRLS'), (r.rolinherit, 'INHERIT'),
           (r.rolcanlogin AND r.rolname = '{AUDIT_ROLE}', 'LOGIN')) AS attribute (has, name)
     WHERE r.rolname IN (SELECT name FROM (VALUES {_ROLES}) AS role (name)) AND attribute.has
    UNION ALL
    SELECT NULL, 'role ' || m.member::regrole, 'is a member of ' || m.roleid::regrole
      FROM pg_auth_members m WHERE m.member::regrole::text IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
    UNION ALL
    SELECT NULL, 'role ' || d.refobjid::regrole, 'owns ' || pg_describe_object(d.classid, d.objid, d.objsubid)
      FROM pg_shdepend d JOIN pg_database own ON own.datname = current_database()
     WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND d.dbid IN (0, own.oid)
       AND d.refobjid::regrole::text IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
    UNION ALL
    SELECT NULL, 'role ' || r.rolname, format('may %s in this database', operation)
      FROM pg_roles r, unnest(ARRAY['CREATE', 'TEMPORARY']) AS operation
     WHERE r.rolname IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
       AND has_database_privilege(r.oid, current_database(), operation)
    UNION ALL
    SELECT NULL, 'role ' || r.rolname, 'may set ' || p.parname
      FROM pg_parameter_acl p, aclexplode(p.paracl) AS a JOIN pg_roles r ON a.grantee IN (0, r.oid)
     WHERE r.rolname IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
    UNION ALL
    SELECT NULL, 'role ' || s.setrole::regrole, 'begins with ' || setting
      FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
     WHERE s.setrole <> 0 AND s.setrole::regrole::text IN (SELECT name FROM (VALUES {_ROLES}) AS role (name))
       AND setting ~ '^(role|session_replication_role|row_security|search_path)='
    UNION ALL
    SELECT DISTINCT NULL, 'role ' || role.name, format('is used by a session that logged in as %s', a.usename)
      FROM pg_stat_activity a JOIN (VALUES {_SERVICE_ROLES}) AS role (name) ON role.name = split_part(a.application_name, ' ', 1)
     WHERE a.datname = current_database() AND a.usename <> role.name
    UNION ALL
    SELECT NULL, 'function ' || p.oid::regprocedure, 'runs as its owner with the caller''s search_path'
      FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
       AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting = 'search_path=public, pg_temp')
    """,  # noqa: S608 - our own names
)
