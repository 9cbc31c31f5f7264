-- Adds predictions and returns them as they are stored: one that is there already stays as it was written first.
INSERT INTO public.predictions AS held ({columns})
VALUES %s
ON CONFLICT (exchange, symbol, as_of, horizon_s, model_id) DO UPDATE
SET known_at = held.known_at
RETURNING {columns}
