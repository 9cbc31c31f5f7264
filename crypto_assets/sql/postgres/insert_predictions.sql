-- Adds predictions and returns them as they are stored: one that is there already stays as it was written first.
INSERT INTO public.predictions AS held (
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
)
VALUES %s
ON CONFLICT (exchange, symbol, as_of, horizon_s, model_id) DO UPDATE
SET known_at = held.known_at
RETURNING
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
