-- How many of the trades that were just handed in contradict what is kept of the same trade. Times are not compared:
-- streams print microseconds where REST prints milliseconds of the same trade.
SELECT COUNT(*)
FROM pg_temp.incoming_trades AS incoming
JOIN public.trades AS kept USING (exchange, symbol, trade_id)
WHERE
    (kept.price, kept.quantity, kept.is_buyer_maker)
    IS DISTINCT FROM (incoming.price, incoming.quantity, incoming.is_buyer_maker)
