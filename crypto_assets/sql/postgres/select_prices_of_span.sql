-- Prices of a symbol from its event `first` to `last`, and those of the last moment before, in their order.
SELECT
    symbol,
    event_time,
    price,
    received_at,
    topic_partition,
    topic_offset,
    previous_price
FROM staging.raw_prices
WHERE
    exchange = %(exchange)s
    AND symbol = %(symbol)s
    AND event_time >= COALESCE(
        (
            SELECT MAX(event_time)
            FROM staging.raw_prices
            WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_time < %(first)s
        ),
        %(first)s
    )
    AND event_time <= %(last)s
ORDER BY event_time, topic_partition, topic_offset
