-- Symbols of a UTC day that have more prices in staging than their summary was made from.
SELECT
    staged.exchange,
    staged.symbol,
    staged.count,
    COALESCE(daily_summary.count, 0)
FROM (
    SELECT
        day,
        exchange,
        symbol,
        COUNT(*) AS count
    FROM staging.raw_prices
    WHERE day = %(day)s
    GROUP BY day, exchange, symbol
) AS staged
LEFT JOIN public.daily_summary USING (day, exchange, symbol)
WHERE staged.count > COALESCE(daily_summary.count, 0)
ORDER BY staged.exchange, staged.symbol
