-- The newest trade of each symbol of an exchange. Goes from symbol to symbol by the key, instead of over all rows.
WITH RECURSIVE symbols AS (
    SELECT MIN(symbol) AS symbol
    FROM public.trades
    WHERE exchange = %(exchange)s
    UNION ALL
    SELECT (
        SELECT MIN(symbol)
        FROM public.trades
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
        trade_id,
        trade_time,
        price
    FROM public.trades
    WHERE exchange = %(exchange)s AND symbol = symbols.symbol
    ORDER BY trade_id DESC
    LIMIT 1
) AS newest
