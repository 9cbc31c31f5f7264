"""Which stream a name means at which address."""

from __future__ import annotations

import pytest

from crypto_assets.simulator.streams.names import Address, StreamKey, parse_address, parse_stream


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("/ws", Address("spot", False, 1000, (), None)),
        ("/ws/btcusdt@trade", Address("spot", False, 1000, ("btcusdt@trade",), None)),
        ("/ws/a@trade/b@trade/a@trade", Address("spot", False, 1000, ("a@trade", "b@trade"), None)),
        ("/stream?streams=a@trade/b@kline_1m", Address("spot", True, 1000, ("a@trade", "b@kline_1m"), None)),
        ("/stream?streams=a@trade&timeUnit=MICROSECOND", Address("spot", True, 1, ("a@trade",), None)),
        ("/ws/a@trade?timeUnit=microsecond", Address("spot", False, 1, ("a@trade",), None)),
        ("/public/stream?streams=a@depth", Address("public", True, 1000, ("a@depth",), None)),
        ("/market/ws/a%40markPrice", Address("market", False, 1000, ("a@markPrice",), None)),
        ("/market/ws?timeUnit=MICROSECOND", Address("market", False, 1000, (), None)),
        ("/stream?pace=4.5", Address("spot", True, 1000, (), 4.5)),
    ],
)
def test_an_address_says_what_is_wanted_and_how(target: str, address: Address) -> None:
    assert parse_address(target) == address


@pytest.mark.parametrize(
    "target", ["/", "/stream/x", "/private/ws", "/ws2", "/api/v3/ping", "/ws?pace=x", "/ws?pace=-1"]
)
def test_other_addresses_mean_nothing(target: str) -> None:
    assert parse_address(target) is None


@pytest.mark.parametrize(
    ("name", "spot", "public", "market"),
    [
        ("btcusdt@trade", True, False, False),
        ("btcusdt@aggTrade", True, False, True),
        ("btcusdt@kline_1s", True, False, False),
        ("btcusdt@kline_1m", True, False, True),
        ("btcusdt@bookTicker", True, True, False),
        ("btcusdt@depth10@100ms", True, True, False),
        ("btcusdt@depth@500ms", False, True, False),
        ("btcusdt@markPrice@1s", False, False, True),
        ("btcusdt@forceOrder", False, False, True),
        ("btcusdt@ticker", True, False, True),
        ("BTCUSDT@trade", False, False, False),
        ("btcusdt@depth7", False, False, False),
        ("btcusdt", False, False, False),
        ("", False, False, False),
    ],
)
def test_books_of_usdm_are_public_and_all_else_of_it_is_market(
    name: str, *, spot: bool, public: bool, market: bool
) -> None:
    found = {access: parse_stream(name, access=access) is not None for access in ("spot", "public", "market")}
    assert found == {"spot": spot, "public": public, "market": market}


def test_a_key_holds_the_symbol_in_upper_case_and_the_unit() -> None:
    assert parse_stream("ethusdt@depth5", access="spot", unit_us=1) == StreamKey("spot", "ETHUSDT", "depth5", 1)
