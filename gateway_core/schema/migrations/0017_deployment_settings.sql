-- Settings of the deployment that the data plane must know, and what the credential of a directory may change.

-- One row. admin_service writes what its environment says when it starts.
CREATE TABLE deployment_settings (
    only_row             boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Whether users have personal accounts. Otherwise the keys of personal accounts do not call.
    personal_accounts    boolean NOT NULL DEFAULT true,
    update_time          timestamptz NOT NULL DEFAULT now()
);
INSERT INTO deployment_settings DEFAULT VALUES;

-- A setting concerns many organizations, so the notification names none, and authz_service reads every identity again.
CREATE FUNCTION notify_deployment_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('megarouter_identity', '- deployment settings');
    RETURN NULL;
END $$;
CREATE TRIGGER deployment_settings_notify AFTER INSERT OR UPDATE OR DELETE ON deployment_settings
    FOR EACH ROW EXECUTE FUNCTION notify_deployment_change();

-- Whether the organization is a personal account in a deployment that has none. Without the row, personal accounts exist.
CREATE FUNCTION is_switched_off(organization text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM deployment_settings s CROSS JOIN organizations o
                    WHERE NOT s.personal_accounts AND o.organization_id = organization AND o.kind = 'PERSONAL')
$$;

-- A SCIM connection may suspend and remove admins below Super Admin.
ALTER TABLE credentials
    ADD COLUMN may_change_admins boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT only_scim_changes_admins CHECK (kind = 'SCIM' OR NOT may_change_admins);
