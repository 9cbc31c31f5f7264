-- What a day of trades holds: its number changes with every trade that arrives late, for none is ever changed.
SELECT
    day,
    symbol,
    COUNT(*),
    MIN(trade_time),
    MAX(trade_time),
    MAX(inserted_at)
FROM public.trades
WHERE day = %(day)s
    AND exchange = %(exchange)s
GROUP BY day, symbol
ORDER BY symbol
