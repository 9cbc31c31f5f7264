-- Summarises the prices of a UTC day, for each exchange and symbol: CALL get_daily_summary('2026-11-20').
-- Prices of one moment count in the order in which they arrived. A day without prices leaves what is there. So does one
-- with fewer prices than it was summarised from before: its staging rows had been dropped, and some came again.
CREATE PROCEDURE public.get_daily_summary(summarised_day date)
LANGUAGE plpgsql
AS $$
BEGIN
    IF summarised_day IS NULL THEN
        RAISE EXCEPTION 'Which day? Call it like CALL get_daily_summary(''2026-11-20'').';
    END IF;

    WITH prices AS (
        SELECT
            day,
            exchange,
            symbol,
            price,
            event_time,
            FIRST_VALUE(price) OVER earliest AS open,
            FIRST_VALUE(price) OVER latest AS close
        FROM staging.raw_prices
        WHERE day = summarised_day
        WINDOW
            earliest AS (
                PARTITION BY exchange, symbol
                ORDER BY event_time, topic_partition, topic_offset
            ),
            latest AS (
                PARTITION BY exchange, symbol
                ORDER BY event_time DESC, topic_partition DESC, topic_offset DESC
            )
    )
    INSERT INTO public.daily_summary AS kept (
        day,
        exchange,
        symbol,
        open,
        close,
        min,
        max,
        avg,
        count,
        first_event_time,
        last_event_time
    )
    SELECT
        day,
        exchange,
        symbol,
        open,
        close,
        MIN(price),
        MAX(price),
        ROUND(ROUND(SUM(price), 20) / COUNT(*), 12), -- the quotient has the decimals of its dividend: 20, not 8
        COUNT(*),
        MIN(event_time),
        MAX(event_time)
    FROM prices
    GROUP BY day, exchange, symbol, open, close
    ORDER BY exchange, symbol -- two calls at once lock in one order
    ON CONFLICT (day, exchange, symbol) DO UPDATE
    SET
        open = EXCLUDED.open,
        close = EXCLUDED.close,
        min = EXCLUDED.min,
        max = EXCLUDED.max,
        avg = EXCLUDED.avg,
        count = EXCLUDED.count,
        first_event_time = EXCLUDED.first_event_time,
        last_event_time = EXCLUDED.last_event_time,
        summarised_at = EXCLUDED.summarised_at
    WHERE
        EXCLUDED.count >= kept.count
        AND (kept.open, kept.close, kept.min, kept.max, kept.avg, kept.count, kept.first_event_time, kept.last_event_time)
        IS DISTINCT FROM (
            EXCLUDED.open,
            EXCLUDED.close,
            EXCLUDED.min,
            EXCLUDED.max,
            EXCLUDED.avg,
            EXCLUDED.count,
            EXCLUDED.first_event_time,
            EXCLUDED.last_event_time
        );
END;
$$
