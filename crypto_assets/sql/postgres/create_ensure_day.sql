-- Gives each partitioned table its partition of a UTC day; nothing happens where it is there.
-- Attaching a finished table blocks neither readers nor writers of the parent, which CREATE TABLE … PARTITION OF does.
CREATE FUNCTION public.ensure_day(wanted date) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    parent regclass;
    home oid;
    child text;
    place text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['staging.raw_prices', 'public.trades']::regclass[] LOOP
        SELECT
            relnamespace,
            relname || to_char(wanted, '"_"YYYYMMDD'),
            format('%s.%I', relnamespace::regnamespace, relname || to_char(wanted, '"_"YYYYMMDD'))
        INTO home, child, place
        FROM pg_class
        WHERE oid = parent;

        IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = home AND relname = child) THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('crypto_assets.ensure_day', 0));
            -- read from the table again, not by to_regclass: that would remember what it did not find before the lock
            IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = home AND relname = child) THEN
                EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', place, parent);
                EXECUTE format(
                    'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                    parent, place, wanted, wanted + 1
                );
            END IF;
        END IF;
    END LOOP;
END;
$$
