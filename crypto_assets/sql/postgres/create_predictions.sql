-- What promoted models foretold of the live market. A prediction is named by its key; it is written once and stays.
-- There are few: a row a minute, symbol and horizon. So there are no partitions, and nothing is dropped.
CREATE TABLE public.predictions (
    exchange text NOT NULL,
    symbol text NOT NULL,
    as_of timestamptz NOT NULL,
    horizon_s integer NOT NULL,
    model_id text NOT NULL,
    known_at timestamptz NOT NULL,
    target_time timestamptz NOT NULL,
    price double precision NOT NULL,
    predicted_return double precision NOT NULL,
    predicted_price double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    interval_share double precision NOT NULL,
    is_simulated boolean NOT NULL,
    notice text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (exchange, symbol, as_of, horizon_s, model_id),
    CONSTRAINT predictions_target_is_ahead CHECK (target_time = as_of + make_interval(secs => horizon_s)),
    CONSTRAINT predictions_price_is_in_its_interval CHECK (low <= predicted_price AND predicted_price <= high)
)
