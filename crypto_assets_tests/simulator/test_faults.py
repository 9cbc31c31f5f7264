"""Scripts of faults: what is read, what is refused, and which requests are meant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.faults import (
    FlashCrash,
    Halt,
    MissingDay,
    Status,
    Target,
    describe_target,
    parse_faults_json,
    parse_faults_yaml,
)


def test_a_script_is_a_list_of_faults() -> None:
    faults = parse_faults_yaml(
        """
        faults:
          - {action: status, path: /api/v3/klines, status: 503, times: 2}
          - {action: missing_day, dataset: klines, symbol: BTCUSDT, day: 2024-08-05}
          - action: halt
            start: 2024-08-05T10:00:00Z
            end: 2024-08-05T12:00:00Z
          - {action: flash_crash, symbol: BTCUSDT, start: 2024-08-05T13:00:00Z, price: 1}
        """
    )
    assert faults == (
        Status(path="/api/v3/klines", status=503, times=2),
        MissingDay(dataset="klines", symbol="BTCUSDT", day=date(2024, 8, 5)),
        Halt(start=datetime(2024, 8, 5, 10, tzinfo=UTC), end=datetime(2024, 8, 5, 12, tzinfo=UTC)),
        FlashCrash(symbol="BTCUSDT", start=datetime(2024, 8, 5, 13, tzinfo=UTC), price=Decimal(1)),
    )


def test_json_holds_one_fault_or_many() -> None:
    one = b'{"action": "status", "status": 500}'
    assert parse_faults_json(one) == (Status(status=500),)
    assert parse_faults_json(b'{"faults": [%b, %b]}' % (one, one)) == (Status(status=500), Status(status=500))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("{action: explode}", "Invalid value 'explode'"),
        ("{action: status}", "missing required field `status`"),
        ("{action: status, status: 200}", ">= 400"),
        ("{action: status, status: 500, often: 3}", "unknown field `often`"),
        ("{action: slow, bytes_per_second: 0}", ">= 1"),
        ("{action: truncated_zip, keep: 1.5}", "< 1"),
        ("{action: halt, start: '2024-08-05T10:00:00', end: '2024-08-05T11:00:00'}", "timezone"),
        ("{action: halt, start: '2024-08-05T10:00:00Z', end: '2024-08-05T10:00:00Z'}", "not before end"),
        ("{action: flash_crash, symbol: BTCUSDT, start: '2024-08-05T10:00:00Z', price: 0}", "price 0"),
        (
            "{action: missing_minutes, start: '2024-08-05T10:00:00Z', end: '2024-08-05T11:00:00Z', sources: [ftp]}",
            "ftp",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(fault: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_faults_yaml(f"faults: [{fault}]")


KLINES = "/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-05.zip"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (KLINES, Target(KLINES, "spot/klines", "BTCUSDT", "1m", date(2024, 8, 5))),
        (f"{KLINES}.CHECKSUM", Target(f"{KLINES}.CHECKSUM", "spot/klines", "BTCUSDT", "1m", date(2024, 8, 5))),
        (
            "/data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-08.zip",
            Target(
                "/data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-08.zip",
                "futures/um/fundingRate",
                "BTCUSDT",
            ),
        ),
        (
            "/recordings/spot/btcusdt_20240805.gz",
            Target("/recordings/spot/btcusdt_20240805.gz", "recordings", "BTCUSDT", None, date(2024, 8, 5)),
        ),
        ("/api/v3/klines", Target("/api/v3/klines", "spot/klines")),
        ("/api/v3/depth", Target("/api/v3/depth")),
    ],
)
def test_an_address_tells_what_it_is_about(path: str, target: Target) -> None:
    assert describe_target(path) == target


@pytest.mark.parametrize(
    ("conditions", "meant"),
    [
        ({}, True),
        ({"path": "/data/*"}, True),
        ({"path": "*.CHECKSUM"}, False),
        ({"dataset": "spot/klines"}, True),
        ({"dataset": "klines"}, True),
        ({"dataset": "futures/um/klines"}, False),
        ({"symbol": "BTCUSDT", "day": date(2024, 8, 5)}, True),
        ({"symbol": "BTCUSDT", "day": date(2024, 8, 6)}, False),
        ({"symbol": "ETHUSDT"}, False),
        ({"interval": "1m"}, True),
        ({"interval": "5m"}, False),
    ],
)
def test_all_conditions_of_a_fault_must_hold(conditions: dict, meant: bool) -> None:
    assert MissingDay(**conditions).matches(describe_target(KLINES)) is meant
