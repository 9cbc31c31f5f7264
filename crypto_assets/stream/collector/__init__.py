"""The collector: from the exchange's WebSocket streams into Kafka, each message once, and what was missed from REST.

`connection` holds sockets, `routes` turns messages into Avro, `sink` hands them to Kafka or keeps them in the `spool`
on disk while Kafka is away, `tracks` knows which trade ids and candles are missing, `repair` fetches them. `program`
puts it together.
"""
