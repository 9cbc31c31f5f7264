"""What can go wrong, as one tree.

CryptoAssetsError
├── ConfigurationError      a variable or an option cannot mean anything
├── BadQuestion             a symbol, day, dataset, column or query that cannot be
├── ExchangeError           the exchange, or the way to it
│   ├── Unavailable         5xx, time-out, cut connection: try again
│   ├── RateLimited         429 or 418: try again after `retry_after_s`
│   ├── Blocked             451 or 403: this network may not ask
│   └── Refused             the request itself is wrong (unknown symbol, bad interval)
├── BadPayload              bytes that are not what their name says
│   └── ChecksumMismatch    a file that is not the one its checksum describes
├── InputIncomplete         what a calculation needs is not there
│   └── NothingOfDay        nor will it be: what was published of its month has nothing of the day
├── CheckpointError         a model file is damaged, of another version or for other features
├── TrainingFailed          a model could not be fitted: diverged, out of memory, too little data
├── LakeError               the lake cannot be read or written
│   └── LakeBusy            its store does not answer, or asks for a pause: try again
├── WarehouseError          a day may not be loaded into Redshift, or is not there as its files say
├── ServiceFailed           an embedded service does not come up
├── ServiceUnavailable      PostgreSQL, Redis or Kafka does not answer: try again
├── AlertsError             the ledger of alerts cannot be kept
├── DeliveryFailed          a webhook or a mail server did not take a message: try again after `retry_after_s`
├── SheetError              a spreadsheet cannot be shared into as it is
└── SchemaError             the database has not the schema of this version

A message names the thing, says how much, what was kept and what to do next.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    struct.error,
)
"""What zipfile and gzip raise on bytes that are not what they should be, encrypted members included.

bzip2 raises OSError, which says damage only where the bytes are in memory.
"""


class CryptoAssetsError(Exception):
    """Root of every error raised on purpose; `retryable` says whether the same call may succeed later."""

    retryable = False


class ConfigurationError(CryptoAssetsError):
    """Raised when settings name something impossible; the message lists what is allowed."""


class BadQuestion(CryptoAssetsError):
    """Raised when a person asks for what cannot be: a symbol, a day, a dataset, a column, or a wrong query."""


class ExchangeError(CryptoAssetsError):
    """Raised when the exchange did not give what was asked for."""


class Unavailable(ExchangeError):
    """Raised after retries when a server answers 5xx, times out or cuts the connection."""

    retryable = True


class RateLimited(ExchangeError):
    """Raised when the exchange asks for a pause longer than the client is allowed to wait."""

    retryable = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Blocked(ExchangeError):
    """Raised on HTTP 451 or 403: the exchange does not serve this address."""


class Refused(ExchangeError):
    """Raised on HTTP 4xx with an exchange error code, such as -1121 for an unknown symbol."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class BadPayload(CryptoAssetsError):
    """Raised when a whole file or message cannot be what it claims to be; single bad rows are kept as rejected."""


class ChecksumMismatch(BadPayload):
    """Raised when a freshly downloaded file does not have the sum published beside it."""

    def __init__(self, message: str, *, expected: str, actual: str) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class InputIncomplete(CryptoAssetsError):
    """Raised when an input of a calculation is missing; the message names the asset to materialise first."""


class NothingOfDay(InputIncomplete):
    """Raised when a longer period was published and has nothing of this day; other days are made all the same."""


class CheckpointError(CryptoAssetsError):
    """Raised when a model file must not be used: truncated, of another version, or for other features."""


class TrainingFailed(CryptoAssetsError):
    """Raised when a model could not be fitted; the former checkpoint stays."""


class LakeError(CryptoAssetsError):
    """Raised when the lake cannot be read or written: no space, no permission, no such bucket."""


class LakeBusy(LakeError):
    """Raised after retries when a store does not answer, or says that it is asked too much: S3's 503 SlowDown."""

    retryable = True


class WarehouseError(CryptoAssetsError):
    """Raised when a day may not be loaded, Redshift refuses it, or then holds something else than its files."""


class ServiceFailed(CryptoAssetsError):
    """Raised when an embedded service, or a file that it is made of, cannot be had; the message says what to do."""


class ServiceUnavailable(CryptoAssetsError):
    """Raised when a running platform's PostgreSQL, Redis or Kafka does not answer, or not now."""

    retryable = True


class SchemaError(CryptoAssetsError):
    """Raised when a database cannot be brought to this version's schema, or a newer version has changed it."""


class AlertsError(CryptoAssetsError):
    """Raised when the ledger of alerts cannot be read or written; nobody is told then but who reads the log."""


class DeliveryFailed(CryptoAssetsError):
    """Raised when a message was not taken; the words never quote the address, which is a secret."""

    retryable = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SheetError(CryptoAssetsError):
    """Raised when a spreadsheet is not ours to write, gone, full, or has another header; people have to act first."""
