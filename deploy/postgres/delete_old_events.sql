-- Deletes what old runs logged, in Dagster's database: `psql -f delete_old_events.sql`. Dagster itself keeps it for ever.
-- Events of assets and of checks stay, which say what was materialized, when and how it was judged; of a run its
-- beginning and its end stay.
DELETE FROM event_logs
WHERE timestamp < now() AT TIME ZONE 'UTC' - INTERVAL '90 days'
    AND asset_key IS NULL
    AND (dagster_event_type IS NULL OR dagster_event_type NOT SIMILAR TO '(PIPELINE|RUN|ASSET)\_%');
