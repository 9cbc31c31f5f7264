-- Minutes of [start, end) of a symbol by the prices that were stored of them: first, highest, lowest and last.
SELECT
    date_trunc('minute', event_time, 'UTC') AS minute,
    (ARRAY_AGG(price ORDER BY event_time, topic_partition, topic_offset))[1],
    MAX(price),
    MIN(price),
    (ARRAY_AGG(price ORDER BY event_time DESC, topic_partition DESC, topic_offset DESC))[1]
FROM staging.raw_prices
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_time >= %(start)s AND event_time < %(end)s
GROUP BY minute
ORDER BY minute
