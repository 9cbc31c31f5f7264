-- Every trade once. Its day follows from its time, so that one trade cannot stand in two partitions; and the time is
-- not part of the key, because streams print microseconds where REST prints milliseconds of the same trade.
CREATE TABLE public.trades (
    day date NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    trade_id bigint NOT NULL,
    trade_time timestamptz NOT NULL,
    price numeric(28, 8) NOT NULL,
    quantity numeric(28, 8) NOT NULL,
    quote_quantity numeric(56, 16) NOT NULL GENERATED ALWAYS AS (price * quantity) STORED,
    is_buyer_maker boolean NOT NULL,
    source text NOT NULL,
    received_at timestamptz NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (exchange, symbol, trade_id, day),
    CONSTRAINT trades_day_is_of_trade_time CHECK (day = (trade_time AT TIME ZONE 'UTC')::date)
) PARTITION BY RANGE (day)
