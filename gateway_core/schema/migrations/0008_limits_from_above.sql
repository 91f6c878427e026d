-- The limits of a key that were set from above its member, by limit and by the place that set them: '' for the organization, or the id
-- of a group. They bound what the member, and admins below that place, may set.
ALTER TABLE api_keys ADD COLUMN bounds jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(bounds) = 'object');

-- What the keys of an organization must have. NULL and false require nothing.
ALTER TABLE organizations
    ADD COLUMN key_max_life interval CHECK (key_max_life > interval '0'),
    ADD COLUMN key_requires_whitelist boolean NOT NULL DEFAULT false,
    ADD COLUMN key_requires_budget boolean NOT NULL DEFAULT false;

-- To revoke the pending invites for the address of a new member.
CREATE INDEX invites_by_email ON invites (organization_id, email) WHERE email IS NOT NULL AND revoke_time IS NULL;
