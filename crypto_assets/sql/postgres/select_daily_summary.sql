-- What a UTC day came to, by symbol, as far as it was summarised.
SELECT
    symbol,
    open,
    close,
    min,
    max,
    avg,
    count,
    first_event_time,
    last_event_time
FROM public.daily_summary
WHERE day = %(day)s AND exchange = %(exchange)s
ORDER BY symbol
