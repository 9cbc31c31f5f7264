-- What was foretold live of a symbol at moments of [start, end): the newest rows, `most` of them.
SELECT
    as_of,
    target_time,
    horizon_s,
    price,
    predicted_return,
    predicted_price,
    low,
    high,
    interval_share,
    model_id,
    known_at
FROM public.predictions
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND as_of >= %(start)s AND as_of < %(end)s
ORDER BY as_of DESC, horizon_s
LIMIT %(most)s
