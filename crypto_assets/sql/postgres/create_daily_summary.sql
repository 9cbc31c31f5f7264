-- What the prices of a UTC day came to. It outlives the rows that it was made from.
CREATE TABLE public.daily_summary (
    day date NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    open numeric(28, 8) NOT NULL,
    close numeric(28, 8) NOT NULL,
    min numeric(28, 8) NOT NULL,
    max numeric(28, 8) NOT NULL,
    avg numeric(32, 12) NOT NULL,
    count bigint NOT NULL,
    first_event_time timestamptz NOT NULL,
    last_event_time timestamptz NOT NULL,
    summarised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, exchange, symbol)
)
