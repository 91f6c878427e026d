-- Hours of old months can be dropped, as whole partitions. Records, days and months stay.

-- Hours before it were dropped. Late facts may have added some of them again, so none of them is read.
ALTER TABLE usage_rollups ADD COLUMN hours_from timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00';

-- Hours of tagged calls get partitions as all hours have them. This copies the present rows.
ALTER TABLE usage_tagged_hours RENAME TO usage_tagged_hours_before;
ALTER INDEX usage_tagged_hours_pkey RENAME TO usage_tagged_hours_before_pkey;
CREATE TABLE usage_tagged_hours (LIKE usage_tagged_hours_before INCLUDING ALL) PARTITION BY RANGE (hour_start);
CALL divide_by_organization('usage_tagged_hours');

-- As before, for both tables.
CREATE OR REPLACE FUNCTION open_usage_month(instant timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first CONSTANT timestamptz := date_trunc('month', instant, 'UTC');
    after CONSTANT timestamptz := first + interval '1 month';
    month CONSTANT text := to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
    divided text;
    partition text;
BEGIN
    FOREACH divided IN ARRAY ARRAY['usage_hours', 'usage_tagged_hours'] LOOP
        partition := divided || '_' || month;
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        -- Another transaction may be creating it. An advisory lock would not make its table visible here.
        EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', divided);
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I)', partition, divided);
            CALL divide_by_organization(partition);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', divided, partition, first, after);
        END IF;
    END LOOP;
END $$;

SELECT open_usage_month(month) FROM (SELECT DISTINCT date_trunc('month', hour_start, 'UTC') AS month FROM usage_tagged_hours_before) AS months;
INSERT INTO usage_tagged_hours SELECT * FROM usage_tagged_hours_before;
DROP TABLE usage_tagged_hours_before;

-- Drops the hours of the months, in UTC, that end before an instant. Returns how many partitions. Does nothing while an organization's
-- days do not have these hours yet, or rollups are being built, because days are made of hours.
CREATE FUNCTION drop_usage_hours(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    until CONSTANT timestamptz := date_trunc('month', before, 'UTC');
    partition text;
    dropped integer := 0;
BEGIN
    -- A follower claims the row of its generation before it writes hours, so none is writing now.
    LOCK TABLE usage_rollups IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM usage_rollups WHERE state = 'BUILDING' OR (state = 'CURRENT' AND days_until < until)) THEN
        RETURN 0;
    END IF;
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent IN ('usage_hours'::regclass, 'usage_tagged_hours'::regclass)
           AND to_char(until AT TIME ZONE 'UTC', 'YYYYMM') > right(c.relname, 6)
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    IF dropped > 0 THEN
        UPDATE usage_rollups SET hours_from = greatest(hours_from, until);
    END IF;
    RETURN dropped;
END $$;
