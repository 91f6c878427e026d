-- A change of configuration authorizes its caller once, and again only where the organization was changed before it had the lock.
GRANT EXECUTE ON FUNCTION identity_revisions_of(text[]) TO megarouter_admin;
