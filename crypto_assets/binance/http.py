"""One way to the exchange for all clients: retries, limits, and every answer as bytes or as one of our errors."""

from __future__ import annotations

import logging
import os
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import httpx
import msgspec
import tenacity

from crypto_assets.binance.file_transport import FileTransport
from crypto_assets.binance.rate_limit import Cost, Quota, SharedLimits
from crypto_assets.errors import Blocked, ExchangeError, RateLimited, Refused, Unavailable

_log = logging.getLogger(__name__)

USED_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
BAN_S = 120.0  # the shortest ban, assumed where a 418 does not say how long
_SLOWEST_BYTES_PER_S = 8192  # a body slower than this over its whole length counts as stalled
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _NotFound(Refused):
    """Raised on HTTP 404, whatever the body says."""


class _ErrorBody(msgspec.Struct):
    """Body of a 4xx answer: `{"code":-1121,"msg":"Invalid symbol."}`."""

    code: int
    msg: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client tries."""

    attempts: int = 6
    """Attempts of one request; of a file, attempts in a row that bring no further byte."""
    longest_wait_s: float = 180.0
    """Longest pause that is waited for when the exchange asks for one; a longer one raises RateLimited."""
    silence_s: float = 30.0
    """Longest silence of a server, to connect or between two pieces of a body."""
    answer_s: float = 60.0
    """Longest time for a whole answer, beside what its length takes at 8 KiB/s."""


def default_limits() -> SharedLimits:
    """Limits shared by all processes of this machine that use this default."""
    return SharedLimits(Path(tempfile.gettempdir()) / f"crypto-assets-limits-{os.getuid()}")


class Http:
    """Sends GET requests over `https://`, `http://` and `file://`; safe to share between clients and threads."""

    def __init__(
        self,
        *,
        limits: SharedLimits | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._limits = limits or default_limits()
        self._patience = patience or Patience()
        self._sleep = sleep
        self._monotonic = monotonic
        self._transport = transport

    def get(self, url: str, *, params: Mapping[str, str | int] | None = None, cost: Cost | None = None) -> bytes:
        """The body of a 200 answer.

        Raises Unavailable or RateLimited when all attempts were used up, Blocked, or Refused with the exchange's code.
        """

        def once() -> bytes:
            with self._answer(url, params=params, cost=cost) as response:
                return b"".join(self._pieces(response))

        return self._retrying()(once)

    def learn_limit(self, url: str, quota: Quota, *, limit: int) -> None:
        """Take a limit that the exchange at this address has told instead of the default."""
        self._limits.learn(_host(url), quota, limit=limit)

    def find(self, url: str) -> bytes | None:
        """As `get`, with None where nothing is published at the address (404)."""
        try:
            return self.get(url)
        except _NotFound:
            return None

    def exists(self, url: str) -> bool:
        """Whether something is published at the address; its body is not read."""

        def once() -> bool:
            with self._answer(url):
                return True

        try:
            return self._retrying()(once)
        except _NotFound:
            return False

    def download(self, url: str, path: Path, *, has_checksum: bool) -> bool:
        """Write the body to `path`; False where nothing is published (404). Raises as `get` does.

        A cut attempt is resumed where it ended if the server's ETag shows that both parts are of one version, or if the
        caller will know by a checksum; in that case also what an earlier process left at `path`.
        """
        version: list[str] = []
        idle = _Idle(path, attempts=self._patience.attempts)
        try:
            self._retrying(stop=idle)(lambda: self._append(url, path, version, has_checksum=has_checksum))
        except _NotFound:
            return False
        return True

    def _append(self, url: str, path: Path, version: list[str], *, has_checksum: bool) -> None:
        """One attempt; `version` remembers the ETag of the bytes already there."""
        held = _size(path) if version or has_checksum else 0
        headers = {"Accept-Encoding": "identity"}  # a range of a compressed body cannot be continued
        if held:
            headers |= {"Range": f"bytes={held}-"} | ({"If-Range": version[0]} if version else {})
        try:
            with self._answer(url, headers=headers) as response:
                continued = _continues(response, held)
                etag = response.headers.get("ETag", "")
                version[:] = [etag] if etag and not etag.startswith("W/") else []
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("ab" if continued else "wb") as file:
                    file.writelines(self._pieces(response))
        except Refused as error:
            if not held or error.code != 416:
                raise
            path.unlink()  # what is there is longer than the file: of another version
            raise Unavailable(f"{_bare(url)}: begun anew, another version was there before") from error

    @contextmanager
    def _answer(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        cost: Cost | None = None,
    ) -> Generator[httpx.Response]:
        """An answer of 200 or 206 whose body is not yet read; everything else is raised as one of our errors."""
        host = _host(url)
        if cost:
            self._await_quota(host, cost)
        try:
            with self._client.stream("GET", _with_host(url), params=params, headers=headers) as response:
                if cost:
                    self._observe(host, cost, response)
                if response.status_code in (200, 206):
                    yield response
                    return
                response.read()
        except httpx.UnsupportedProtocol as error:
            raise Refused(f"{_bare(url)}: only https://, http:// and file:// addresses can be read") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unavailable(f"{_bare(url)}: {type(error).__name__}: {error}".rstrip(": ")) from error
        raise self._error(url, response)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The body; a server that trickles it is given up, one that is merely slow is not."""
        started = self._monotonic()
        received = 0
        for piece in response.iter_bytes():  # as they come: what is buffered would be lost with a cut connection
            received += len(piece)
            yield piece
            took = self._monotonic() - started
            if took > self._patience.answer_s + received / _SLOWEST_BYTES_PER_S:
                raise Unavailable(f"{_bare(str(response.url))}: only {received:,} bytes came in {took:.0f} s")

    def _error(self, url: str, response: httpx.Response) -> ExchangeError:
        if response.status_code not in (418, 429):
            return error_of(url, response)
        seconds = _retry_after_s(response)
        if seconds is None:
            seconds = BAN_S if response.status_code == 418 else 60.0
        host = _host(url)
        self._limits.pause(host, seconds=seconds)
        return RateLimited(
            f"{_bare(url)}: HTTP {response.status_code}, no request for {seconds:.0f} s", retry_after_s=seconds
        )

    def _await_quota(self, host: str, cost: Cost) -> None:
        while (seconds := self._limits.reserve(host, cost)) > 0:
            if seconds > max(self._patience.longest_wait_s, cost.quota.window_s):
                raise RateLimited(f"{host} is to be left alone for {seconds:.0f} s more", retry_after_s=seconds)
            _log.info("waiting %.1f s for the %s limit of %s", seconds, cost.quota.name, host)
            self._sleep(seconds)

    def _observe(self, host: str, cost: Cost, response: httpx.Response) -> None:
        used = response.headers.get(USED_WEIGHT_HEADER, "")
        if cost.quota.name == "weight" and used.isdecimal():
            self._limits.observe(host, cost.quota, used=int(used))

    def _retrying(self, *, stop: Callable[[tenacity.RetryCallState], bool] | None = None) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=stop or tenacity.stop_after_attempt(self._patience.attempts),
            retry=tenacity.retry_if_exception(self._is_worth_another),
            wait=_wait_s,
            sleep=self._sleep,
            before_sleep=_tell,
            reraise=True,
        )

    def _is_worth_another(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_after_s <= self._patience.longest_wait_s
        return isinstance(error, ExchangeError) and error.retryable

    @cached_property
    def _client(self) -> httpx.Client:
        direct = self._transport or httpx.HTTPTransport(verify=_certificates())
        return httpx.Client(
            transport=self._transport,
            verify=_certificates(),
            # a proxy of the environment is not meant for the simulator
            mounts={"file://localhost": FileTransport(), "all://127.0.0.1": direct, "all://localhost": direct},
            timeout=self._patience.silence_s,
            headers={"User-Agent": "crypto-assets"},
            follow_redirects=False,  # nobody here redirects, and an address given by a server could name a local file
        )


@cache
def _certificates() -> ssl.SSLContext:
    """Trusted certificates; reading them takes longer than many a request."""
    return httpx.create_ssl_context()


class _Idle:
    """Says to stop after so many attempts in a row that did not make the file longer."""

    def __init__(self, path: Path, *, attempts: int) -> None:
        self._path = path
        self._attempts = attempts
        self._idle = 0
        self._longest = _size(path)

    def __call__(self, _: tenacity.RetryCallState) -> bool:
        size = _size(self._path)
        self._idle = 0 if size > self._longest else self._idle + 1
        self._longest = max(size, self._longest)
        return self._idle >= self._attempts


_back_off = tenacity.wait_random_exponential(multiplier=0.5, max=30)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, RateLimited) else _back_off(state)


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.info("attempt %d failed, next in %.1f s: %s", state.attempt_number, state.upcoming_sleep, error)


def error_of(url: str, response: httpx.Response) -> ExchangeError:
    """The error of an answer that is neither 200 nor a rate limit; the body has been read."""
    status, place = response.status_code, _bare(url)
    if status in (403, 451):
        why = "serves no clients in this network's country" if status == 451 else "firewall refuses this network"
        return Blocked(
            f"{place}: HTTP {status}, the exchange {why}. For spot data set BINANCE_SPOT_REST_URL to "
            "https://data-api.binance.vision, use the archive, run from another network, or set EXCHANGE=simulator."
        )
    if status >= 500 or status == 408:
        return Unavailable(f"{place}: HTTP {status}")
    try:
        body = msgspec.json.decode(response.content, type=_ErrorBody)
    except msgspec.DecodeError:
        return (_NotFound if status == 404 else Refused)(f"{place}: HTTP {status}", code=status)
    return (_NotFound if status == 404 else Refused)(
        f"{place}: HTTP {status}, code {body.code}: {body.msg[:200]}", code=body.code
    )


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else None


def _continues(response: httpx.Response, held: int) -> bool:
    """Whether the body goes on where the held bytes end; a server may also send all of it again."""
    if response.status_code != 206:
        return False
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != held:
        raise Unavailable(f"{_bare(str(response.url))}: another range than the one asked for")
    return True


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def _with_host(url: str) -> str:
    """The same address; httpx takes one without a host for a path of its base URL."""
    return f"file://localhost/{url.removeprefix('file:///')}" if url.startswith("file:///") else url


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
