-- How many prices of each UTC day and exchange wait in staging, and of what time.
SELECT
    day,
    COUNT(*),
    ARRAY_AGG(DISTINCT symbol ORDER BY symbol),
    MIN(event_time),
    MAX(event_time)
FROM staging.raw_prices
WHERE exchange = %(exchange)s AND (%(day)s::date IS NULL OR day = %(day)s)
GROUP BY day
ORDER BY day
