"""The collector: from the exchange's WebSocket streams into Kafka, each message once, and what was missed from REST.

`feed` keeps a `link` to the exchange, `routes` turn its messages into Avro, `sink` hands them to Kafka or keeps them in
the `spool` on disk while Kafka is away. `tracks` know which trade ids and candles are missing, the `ledger` enters
them, `repair` fetches them; `tails` are where an earlier run ended. `program` puts it together.
"""
