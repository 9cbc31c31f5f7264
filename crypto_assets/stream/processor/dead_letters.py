"""Messages that the processor cannot use, for the topic `dead_letters`, with the reason."""

from __future__ import annotations

from crypto_assets.spans import from_us
from crypto_assets.stream.letters import encode_letter
from crypto_assets.stream.processor.messages import Rejected
from crypto_assets.stream.publisher import Outgoing


def letter_of(rejected: Rejected) -> Outgoing:
    """The message that keeps it; a batch that is read again gives the same."""
    message = rejected.message
    stream = f"{message.topic}[{message.partition}]"
    value = encode_letter(
        message.value or b"",
        received_at=from_us(message.timestamp_us),
        connection="processor",
        sequence=message.offset,
        stream=stream,
        reason=rejected.reason,
    )
    return Outgoing(stream, value, message.timestamp_us // 1_000)
