-- The newest price of each symbol of an exchange. Goes from symbol to symbol by the key, instead of over all rows.
WITH RECURSIVE symbols AS (
    SELECT MIN(symbol) AS symbol
    FROM staging.raw_prices
    WHERE exchange = %(exchange)s
    UNION ALL
    SELECT (
        SELECT MIN(symbol)
        FROM staging.raw_prices
        WHERE exchange = %(exchange)s AND symbol > symbols.symbol
    )
    FROM symbols
    WHERE symbols.symbol IS NOT NULL
)
SELECT newest.*
FROM symbols
CROSS JOIN LATERAL (
    SELECT
        symbol,
        event_time,
        price,
        received_at,
        topic_partition,
        topic_offset,
        previous_price
    FROM staging.raw_prices
    WHERE exchange = %(exchange)s AND symbol = symbols.symbol
    ORDER BY event_time DESC, topic_partition DESC, topic_offset DESC
    LIMIT 1
) AS newest
