-- Every last price of a ticker, as it arrived. A ticker that arrives again, at whatever offset, is the same row.
-- No column is generated from another here: `day` is what the table is partitioned by, and such a column may not be.
CREATE TABLE staging.raw_prices (
    day date NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    event_time timestamptz NOT NULL,
    price numeric(28, 8) NOT NULL,
    previous_price numeric(28, 8),
    exchange_rate numeric(38, 18),
    topic_partition integer NOT NULL,
    topic_offset bigint NOT NULL,
    received_at timestamptz NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (exchange, symbol, event_time, price, day),
    CONSTRAINT raw_prices_day_is_of_event_time CHECK (day = (event_time AT TIME ZONE 'UTC')::date)
) PARTITION BY RANGE (day)
