-- The days on which calls had a tag. Lists of calls look there first, so that a tag of few calls, or of none, does not read all hours.
CREATE TABLE usage_tag_days (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    name            text NOT NULL,
    value           text NOT NULL,
    -- The start of a local day.
    day_start       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, generation, name, value, day_start)
);
CALL divide_by_organization('usage_tag_days');

LOCK TABLE usage_rollups IN EXCLUSIVE MODE;
INSERT INTO usage_tag_days (organization_id, generation, name, value, day_start)
SELECT DISTINCT h.organization_id, h.generation, tag.key, tag.value, cycle_start_at('DAILY', r.time_zone, h.hour_start)
  FROM (SELECT DISTINCT organization_id, generation, hour_start, tags FROM usage_tagged_hours) AS h
  JOIN usage_rollups r ON r.organization_id = h.organization_id AND r.generation = h.generation AND r.state <> 'RETIRED'
 CROSS JOIN LATERAL jsonb_each_text(h.tags) AS tag;
