"""What a client does with each answer of a server, and with none."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from crypto_assets.binance.http import Http, Patience
from crypto_assets.binance.rate_limit import SPOT_WEIGHT, Cost, SharedLimits
from crypto_assets.errors import Blocked, RateLimited, Refused, Unavailable
from crypto_assets_tests.binance.clocks import FakeClock
from crypto_assets_tests.binance.local_server import NOT_FOUND, LocalServer, Reply, json_reply

WEIGHT = Cost(SPOT_WEIGHT, 2)
BODY = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def _route(server: LocalServer) -> None:
    server.routes["/thing"] = lambda _: Reply(body=b"thing")
    server.routes["/big"] = lambda _: Reply(body=BODY)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_error_is_tried_again_after_a_growing_pause(
    server: LocalServer, http: Http, clock: FakeClock, status: int
) -> None:
    server.faults = [Reply(status), Reply(status)]
    assert http.get(f"{server.url}/thing") == b"thing"
    assert len(clock.slept) == 2
    assert all(0 <= pause <= 30 for pause in clock.slept)


def test_pauses_are_not_the_same_for_all_who_failed_together(
    server: LocalServer, make_http: Callable[..., Http], clock: FakeClock
) -> None:
    for _ in range(3):
        server.faults = [Reply(500)]
        make_http().get(f"{server.url}/thing")
    assert len(set(clock.slept)) == 3


def test_a_server_that_never_recovers_is_unavailable(server: LocalServer, make_http: Callable[..., Http]) -> None:
    server.faults = [Reply(503)] * 10
    with pytest.raises(Unavailable, match="/thing: HTTP 503"):
        make_http(attempts=4).get(f"{server.url}/thing")
    assert len(server.asked) == 4


def test_a_connection_cut_within_the_body_is_tried_again(server: LocalServer, http: Http) -> None:
    server.faults = [Reply(body=BODY, cut_after=100), Reply(body=BODY, cut_after=0)]
    assert http.get(f"{server.url}/big") == BODY


def test_nobody_listening_is_unavailable(make_http: Callable[..., Http]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/thing"
        with pytest.raises(Unavailable, match="ConnectError"):
            make_http(attempts=2).get(url)


def test_a_server_that_stays_silent_is_unavailable(make_http: Callable[..., Http]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/thing"
        with pytest.raises(Unavailable, match="ReadTimeout"):
            make_http(attempts=2, silence_s=0.05).get(url)


class Slowly(httpx.SyncByteStream):
    """A hundred pieces of a body, ten seconds apart."""

    def __init__(self, clock: FakeClock, *, piece: bytes) -> None:
        self._clock = clock
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(100):
            self._clock.now += 10
            yield self._piece


def test_a_body_that_trickles_is_given_up_and_one_that_is_slow_is_not(clock: FakeClock, tmp_path: Path) -> None:
    pieces = {"/trickle": b"x", "/slow": b"x" * 200_000}
    http = Http(
        limits=SharedLimits(tmp_path, clock=clock),
        patience=Patience(attempts=2),
        sleep=clock.sleep,
        monotonic=clock,
        transport=httpx.MockTransport(
            lambda request: httpx.Response(200, stream=Slowly(clock, piece=pieces[request.url.path]))
        ),
    )
    assert len(http.get("http://exchange.example/slow")) == 20_000_000
    with pytest.raises(Unavailable, match="only 7 bytes came in 70 s"):
        http.get("http://exchange.example/trickle")


@pytest.mark.parametrize("status", [429, 418])
def test_a_pause_that_the_exchange_asks_for_is_kept_to_the_second(
    server: LocalServer, http: Http, clock: FakeClock, status: int
) -> None:
    server.faults = [Reply(status, headers={"Retry-After": "37"})]
    assert http.get(f"{server.url}/thing", cost=WEIGHT) == b"thing"
    assert clock.slept == [37.0]


@pytest.mark.parametrize(("status", "seconds"), [(429, 60.0), (418, 120.0)])
def test_a_pause_of_unknown_length_is_a_safe_one(
    server: LocalServer, http: Http, clock: FakeClock, status: int, seconds: float
) -> None:
    server.faults = [Reply(status, headers={"Retry-After": "soon"})]
    http.get(f"{server.url}/thing")
    assert clock.slept == [seconds]


def test_a_long_ban_is_told_and_nobody_asks_before_it_ends(
    server: LocalServer, make_http: Callable[..., Http], clock: FakeClock
) -> None:
    server.faults = [Reply(418, headers={"Retry-After": "7200"})]
    with pytest.raises(RateLimited) as first:
        make_http().get(f"{server.url}/thing", cost=WEIGHT)
    assert first.value.retry_after_s == 7200
    clock.now += 200
    with pytest.raises(RateLimited, match="left alone for 7000 s"):
        make_http().get(f"{server.url}/thing", cost=WEIGHT)
    assert len(server.asked) == 1
    assert clock.slept == []


def test_the_client_slows_down_before_the_limit_is_hit(server: LocalServer, http: Http, clock: FakeClock) -> None:
    server.routes["/thing"] = lambda _: Reply(body=b"thing", headers={"x-mbx-used-weight-1m": "5399"})
    http.get(f"{server.url}/thing", cost=WEIGHT)
    clock.now += 20
    http.get(f"{server.url}/thing", cost=WEIGHT)
    assert clock.slept == [40.0]


def test_a_limit_learned_from_the_exchange_is_obeyed(server: LocalServer, http: Http, clock: FakeClock) -> None:
    http.learn_limit(server.url, SPOT_WEIGHT, limit=4)
    http.get(f"{server.url}/thing", cost=WEIGHT)
    http.get(f"{server.url}/thing", cost=WEIGHT)
    assert clock.slept == [60.0]


@pytest.mark.parametrize("status", [451, 403])
def test_a_network_that_is_not_served_is_told_what_to_do(server: LocalServer, http: Http, status: int) -> None:
    server.faults = [Reply(status)]
    with pytest.raises(Blocked, match=f"HTTP {status}.*Set|HTTP {status}.*set BINANCE_SPOT_REST_URL"):
        http.get(f"{server.url}/thing")
    assert len(server.asked) == 1


def test_a_refusal_carries_the_code_of_the_exchange_and_is_not_repeated(server: LocalServer, http: Http) -> None:
    server.faults = [json_reply({"code": -1121, "msg": "Invalid symbol.", "more": 1}, status=400)]
    with pytest.raises(Refused, match=r"HTTP 400, code -1121: Invalid symbol\.") as caught:
        http.get(f"{server.url}/thing", params={"symbol": "SECRET"})
    assert caught.value.code == -1121
    assert "SECRET" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_refusal_that_is_not_json_carries_its_status(server: LocalServer, http: Http) -> None:
    server.faults = [Reply(400, b"<html>"), Reply(302, headers={"Location": "file:///etc/hostname"})]
    for status in (400, 302):
        with pytest.raises(Refused) as caught:
            http.get(f"{server.url}/thing")
        assert caught.value.code == status


def test_what_is_not_published_is_none_whatever_the_body_says(server: LocalServer, http: Http) -> None:
    server.faults = [NOT_FOUND, json_reply({"code": -1, "msg": "no"}, status=404)]
    assert http.find(f"{server.url}/thing") is None
    assert http.exists(f"{server.url}/thing") is False
    assert http.exists(f"{server.url}/thing") is True
    assert http.find(f"{server.url}/thing") == b"thing"


def test_another_kind_of_address_is_refused(http: Http) -> None:
    with pytest.raises(Refused, match="only https://"):
        http.get("ftp://exchange.example/thing")


def ranged(body: bytes, *, etag: str = "") -> Callable[..., Reply]:
    """A server that honours Range, and If-Range where it has an ETag."""

    def route(asked) -> Reply:
        headers = {"ETag": etag} if etag else {}
        wanted = asked.headers.get("Range")
        if not wanted or asked.headers.get("If-Range", etag) != etag:
            return Reply(200, body, headers)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            return Reply(416)
        return Reply(206, body[start:], {**headers, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"})

    return route


@pytest.mark.parametrize("etag", ["", '"v1"'])
def test_a_cut_download_goes_on_where_it_ended(server: LocalServer, http: Http, tmp_path: Path, etag: str) -> None:
    headers = {"ETag": etag} if etag else {}
    server.faults = [Reply(200, BODY, headers, cut_after=1000)]
    server.routes["/big"] = ranged(BODY, etag=etag)
    path = tmp_path / "folder" / "big"
    assert http.download(f"{server.url}/big", path, has_checksum=True)
    assert path.read_bytes() == BODY
    assert server.asked[1].headers["Range"] == "bytes=1000-"
    assert server.asked[1].headers.get("If-Range", "") == etag


def test_a_file_that_changed_between_two_parts_is_begun_anew(server: LocalServer, http: Http, tmp_path: Path) -> None:
    server.faults = [Reply(200, BODY, {"ETag": '"v1"'}, cut_after=1000)]
    server.routes["/big"] = ranged(b"new" * 1000, etag='"v2"')
    assert http.download(f"{server.url}/big", tmp_path / "big", has_checksum=False)
    assert (tmp_path / "big").read_bytes() == b"new" * 1000


def test_without_a_version_and_a_checksum_nothing_is_resumed(server: LocalServer, http: Http, tmp_path: Path) -> None:
    server.faults = [Reply(200, BODY, cut_after=1000)]
    server.routes["/big"] = ranged(BODY)
    (tmp_path / "big").write_bytes(b"left by an earlier process")
    assert http.download(f"{server.url}/big", tmp_path / "big", has_checksum=False)
    assert (tmp_path / "big").read_bytes() == BODY
    assert all("Range" not in asked.headers for asked in server.asked)


def test_a_download_that_an_earlier_process_began_is_finished(server: LocalServer, http: Http, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(BODY[:5000])
    server.routes["/big"] = ranged(BODY)
    assert http.download(f"{server.url}/big", tmp_path / "big", has_checksum=True)
    assert (tmp_path / "big").read_bytes() == BODY
    assert server.asked[0].headers["Range"] == "bytes=5000-"


def test_a_beginning_longer_than_the_file_is_thrown_away(server: LocalServer, http: Http, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(BODY * 2)
    server.routes["/big"] = ranged(BODY)
    assert http.download(f"{server.url}/big", tmp_path / "big", has_checksum=True)
    assert (tmp_path / "big").read_bytes() == BODY


def test_a_server_that_sends_another_range_is_not_believed(
    server: LocalServer, make_http: Callable[..., Http], tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(BODY[:100])
    server.routes["/big"] = lambda _: Reply(206, BODY, {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"})
    with pytest.raises(Unavailable, match="another range"):
        make_http(attempts=2).download(f"{server.url}/big", tmp_path / "big", has_checksum=True)


def test_a_download_goes_on_as_long_as_every_attempt_brings_something(
    server: LocalServer, make_http: Callable[..., Http], tmp_path: Path
) -> None:
    def route(asked) -> Reply:
        whole = ranged(BODY)(asked)
        return Reply(whole.status, whole.body, whole.headers, cut_after=1500)

    server.routes["/big"] = route
    assert http_download(make_http(attempts=2), server, tmp_path)
    assert len(server.asked) == 7


def http_download(http: Http, server: LocalServer, folder: Path) -> bool:
    return http.download(f"{server.url}/big", folder / "big", has_checksum=True)


def test_a_download_that_brings_nothing_more_ends(
    server: LocalServer, make_http: Callable[..., Http], tmp_path: Path
) -> None:
    server.routes["/big"] = lambda _: Reply(500)
    with pytest.raises(Unavailable):
        http_download(make_http(attempts=3), server, tmp_path)
    assert len(server.asked) == 3


def test_a_file_that_is_not_published_is_not_downloaded(server: LocalServer, http: Http, tmp_path: Path) -> None:
    assert not http.download(f"{server.url}/none", tmp_path / "none", has_checksum=True)
    assert not (tmp_path / "none").exists()
