"""What an exchange can do to a client, from its server to the partition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.http import Http, Patience
from crypto_assets.binance.rate_limit import SharedLimits
from crypto_assets.binance.spot import SpotClient
from crypto_assets.convergence.captures import CaptureStore
from crypto_assets.convergence.converge import Convergence, converge
from crypto_assets.convergence.sources import Sources
from crypto_assets.errors import Blocked, InputIncomplete, Unavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_LIQUIDATIONS, BRONZE_ORDERBOOK
from crypto_assets.simulator.process import SimulatorProcess, start_simulator
from crypto_assets.spans import Span

DAY = date(2024, 8, 5)
MIDNIGHT = datetime(2024, 8, 5, tzinfo=UTC)
KLINES = BRONZE_KLINES["1m"]
ZIP = "*/BTCUSDT-1m-2024-08-05.zip"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with start_simulator(symbols=("BTCUSDT", "LUNAUSDT"), frozen_at=datetime(2024, 8, 20, tzinfo=UTC)) as process:
        yield process


@dataclass
class World:
    """A simulated exchange whose faults can be set, clients that remember their pauses, and an empty lake."""

    url: str
    lake: Lake
    sources: Sources
    pauses: list[float]

    def fault(self, **fault: object) -> None:
        httpx.post(f"{self.url}/simulator/faults", json=fault).raise_for_status()

    def converge(self, symbol: str = "BTCUSDT", *, day: date = DAY) -> Convergence:
        return converge(KLINES, symbol=symbol, day=day, lake=self.lake, sources=self.sources)


@pytest.fixture
def world(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[World]:
    pauses: list[float] = []
    url = simulator.url
    http = Http(limits=SharedLimits(tmp_path / "limits"), patience=Patience(attempts=4), sleep=pauses.append)
    sources = Sources(
        exchange="simulator-7",
        spot=SpotClient(url, http=http),
        futures=FuturesClient(url, http=http),
        archive=ArchiveClient(url, downloads=tmp_path / "downloads", http=http),
        captures=CaptureStore(f"{url}/recordings"),
        now=lambda: datetime(2024, 8, 20, tzinfo=UTC),
    )
    yield World(url, Lake(str(tmp_path / "lake")), sources, pauses)
    httpx.delete(f"{url}/simulator/faults").raise_for_status()


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "path": "*.zip", "status": 500, "times": 2},
        {"action": "cut", "path": ZIP, "after_bytes": 20_000, "times": 2},
        {"action": "slow", "path": ZIP, "bytes_per_second": 200_000},
        {"action": "bad_checksum", "dataset": "spot/klines", "times": 1},
    ],
    ids=lambda fault: str(fault["action"]),
)
def test_a_download_that_fails_at_first_ends_whole(world: World, fault: dict[str, object]) -> None:
    world.fault(**fault)

    result = world.converge()

    assert dict(result.added) == {"archive": 1440}
    assert result.manifest.rejected == 0


@pytest.mark.parametrize("status", [429, 418])
def test_a_pause_that_the_exchange_asks_for_is_made(world: World, status: int) -> None:
    world.fault(action="missing_day", dataset="spot/klines", symbol="BTCUSDT", day=str(DAY))
    world.fault(action="status", path="/api/v3/klines", status=status, headers={"Retry-After": "1"}, times=1)

    assert dict(world.converge().added) == {"rest": 1440}
    assert max(world.pauses) > 0.9


def test_an_exchange_that_does_not_serve_this_place_is_said_to_do_so(world: World) -> None:
    world.fault(action="missing_day", dataset="spot/klines", symbol="BTCUSDT", day=str(DAY))
    world.fault(action="status", path="/api/v3/*", status=451)

    with pytest.raises(Blocked, match="451"):
        world.converge()


def test_a_server_that_stays_down_is_unavailable_and_leaves_the_day(world: World) -> None:
    first = world.converge()
    world.fault(action="status", path="*", status=503)

    with pytest.raises(Unavailable, match="503"):
        world.converge()
    assert world.lake.manifest(KLINES, "BTCUSDT", DAY) == first.manifest


def test_a_page_that_repeats_rows_gives_each_candle_once(world: World) -> None:
    world.fault(action="missing_day", dataset="spot/klines", symbol="BTCUSDT", day=str(DAY))
    world.fault(
        action="duplicate_rows",
        dataset="spot/klines",
        start=MIDNIGHT.isoformat(),
        end=(MIDNIGHT + timedelta(hours=1)).isoformat(),
        sources=["rest"],
    )

    assert dict(world.converge().added) == {"rest": 1440}


def test_a_missing_day_of_the_archive_comes_from_rest_and_a_hole_of_it_too(world: World) -> None:
    start, end = MIDNIGHT + timedelta(hours=10), MIDNIGHT + timedelta(hours=10, minutes=7)
    world.fault(action="missing_minutes", dataset="spot/klines", start=start.isoformat(), end=end.isoformat())

    result = world.converge()

    assert dict(result.added) == {"archive": 1433, "rest": 7}
    assert result.missing == ()


def test_a_halt_of_the_market_is_confirmed_by_both_and_stays_a_hole(world: World) -> None:
    start, end = MIDNIGHT + timedelta(hours=12), MIDNIGHT + timedelta(hours=14)
    world.fault(action="halt", start=start.isoformat(), end=end.isoformat())

    result = world.converge()

    assert result.manifest.rows == 1320
    assert result.manifest.halts == (Span(start, end),)


def test_a_republished_file_makes_the_day_new_data(world: World) -> None:
    world.fault(action="republished", dataset="spot/klines", interval="1m", first_hours=7)
    world.fault(action="status", path="/api/v3/*", status=503)

    first, second = world.converge(), world.converge()

    assert (first.manifest.rows, second.manifest.rows) == (7 * 60, 1440)
    assert first.manifest.data_version != second.manifest.data_version


def test_a_symbol_that_the_exchange_does_not_know_is_told_with_its_words(world: World) -> None:
    with pytest.raises(InputIncomplete, match="Invalid symbol"):
        world.converge("NOSUCHUSDT")


def test_days_of_a_delisted_symbol_come_from_the_archive_and_end_with_it(world: World) -> None:
    assert world.converge("LUNAUSDT", day=date(2022, 5, 5)).manifest.rows == 1440
    with pytest.raises(InputIncomplete, match=r"LUNAUSDT-1m-2024-08-05\.zip is not published"):
        world.converge("LUNAUSDT")


def test_captures_of_a_day_become_books_and_liquidations(world: World) -> None:
    books = converge(BRONZE_ORDERBOOK, symbol="BTCUSDT", day=DAY, lake=world.lake, sources=world.sources)
    liquidations = converge(BRONZE_LIQUIDATIONS, symbol="BTCUSDT", day=DAY, lake=world.lake, sources=world.sources)

    assert books.manifest.rows == 86_400
    assert liquidations.manifest.rows > 0
    assert not converge(BRONZE_ORDERBOOK, symbol="BTCUSDT", day=DAY, lake=world.lake, sources=world.sources).changed


def test_a_day_that_was_not_recorded_is_empty_and_one_that_cannot_be_asked_for_is_an_error(world: World) -> None:
    def books(day: date) -> int:
        found = converge(BRONZE_ORDERBOOK, symbol="BTCUSDT", day=day, lake=world.lake, sources=world.sources)
        return found.manifest.rows

    assert books(date(2024, 8, 20) - timedelta(days=3000)) == 0
    world.fault(action="status", path="/recordings/*", status=503)
    with pytest.raises(Unavailable, match="503"):
        books(DAY)
