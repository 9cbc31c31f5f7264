-- Gives each partitioned table its partition of a UTC day; nothing happens where it is there.
-- Attaching a finished table blocks neither readers nor writers of the parent, which CREATE TABLE … PARTITION OF does.
CREATE FUNCTION public.ensure_day(wanted date) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    parent regclass;
    home text;
    child text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['staging.raw_prices', 'public.trades']::regclass[] LOOP
        SELECT nspname, relname || to_char(wanted, '"_"YYYYMMDD')
        INTO home, child
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = parent;

        IF to_regclass(format('%I.%I', home, child)) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('crypto_assets.ensure_day', 0));
            IF to_regclass(format('%I.%I', home, child)) IS NULL THEN
                EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING ALL)', home, child, parent);
                EXECUTE format(
                    'ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                    parent, home, child, wanted, wanted + 1
                );
            END IF;
        END IF;
    END LOOP;
END;
$$
