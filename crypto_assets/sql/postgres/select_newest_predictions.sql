-- What was foretold last of a symbol, the model that was asked last first; columns in the order of `Prediction`.
SELECT
    exchange,
    symbol,
    as_of,
    known_at,
    target_time,
    horizon_s,
    price,
    predicted_return,
    predicted_price,
    low,
    high,
    interval_share,
    model_id,
    is_simulated,
    notice
FROM public.predictions
WHERE
    exchange = %(exchange)s
    AND symbol = %(symbol)s
    AND as_of = (
        SELECT MAX(as_of)
        FROM public.predictions
        WHERE exchange = %(exchange)s AND symbol = %(symbol)s
    )
ORDER BY known_at DESC, horizon_s
