"""What the platform reaches: the lake, its services, the exchange, and whether their clock agrees with this one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crypto_assets.cli.diagnosis import Diagnosis

if TYPE_CHECKING:
    import httpx

    from crypto_assets.config import Settings

ANSWER_S = 4.0
CLOCK_WARNING_S, CLOCK_FAILURE_S = 1.0, 30.0
"""Seconds by which clocks may differ: beyond the first lags read wrong, beyond the second a candle that still runs may
count as closed."""

NOT_NEEDED = "It is not needed: EXCHANGE={}."


def look_at_lake(settings: Settings) -> Diagnosis:
    """Whether the lake can be listed."""
    from crypto_assets.lake.files import Files
    from crypto_assets.reading.asked import asked_uri

    files = Files(asked_uri(settings.lake))
    layers = files.folders("")
    held = ", ".join(name for name in layers if not name.startswith(".")) or "nothing yet"
    return Diagnosis("ok", f"{files.uri} holds {held}.")


def look_at_services(settings: Settings) -> Diagnosis:
    """How the embedded services are, and those that variables name."""
    from resources.services.manager import Services
    from resources.services.report import silent_streams

    statuses = Services(settings).status()
    ill = [f"{status.name} {status.state}" for status in statuses if not status.is_well and status.state != "down"]
    silent = sorted({stream.topic for stream in silent_streams(statuses)})
    running = [status.name for status in statuses if status.state in ("running", "elsewhere")]
    if ill or silent:
        quiet = f"; silent: {', '.join(silent)}" if silent else ""
        return Diagnosis("failure", f"{', '.join(ill) or 'all run'}{quiet}.", "crypto-assets up, then status.")
    if not running:
        return Diagnosis("ok", "None runs.", "crypto-assets up starts them; a backfill needs none.")
    return Diagnosis("ok", f"Well: {', '.join(running)}.")


def look_at_exchange(settings: Settings) -> Diagnosis:
    """Whether Binance answers this network: spot, USD-M and archive. It is no failure where another one is in use."""
    import httpx

    from crypto_assets.config import Exchange
    from crypto_assets.endpoints import exchange_urls

    urls = exchange_urls(settings.model_copy(update={"exchange": Exchange.BINANCE}))
    asked = {
        "spot": f"{urls.spot_rest}/api/v3/time",
        "USD-M": f"{urls.futures_rest}/fapi/v1/time",
        "archive": f"{urls.archive}/",
    }
    problems: dict[str, str] = {}
    with httpx.Client(timeout=ANSWER_S, follow_redirects=True) as client:
        for name, url in asked.items():
            if problem := _problem(client, url, anything=name == "archive"):
                problems[name] = problem
    if not problems:
        return Diagnosis("ok", f"Binance answers: {', '.join(asked)}.")
    said = " ".join(dict.fromkeys(problems.values()))
    if settings.exchange is not Exchange.BINANCE:
        return Diagnosis("ok", f"{NOT_NEEDED.format(settings.exchange)} {said}")
    return Diagnosis("failure", f"{', '.join(problems)}: {said}", "docs/operations.md, Blocked.")


def look_at_clock(settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Diagnosis:
    """This machine's clock beside that of the exchange, which is asked once."""
    import httpx

    from crypto_assets.config import Exchange
    from crypto_assets.endpoints import embedded_endpoint, exchange_urls
    from crypto_assets.spans import from_us

    simulated = settings.exchange is not Exchange.BINANCE and not settings.binance_spot_rest_url
    if simulated and (settings.simulator_speed != 1 or embedded_endpoint(settings.data_dir, "simulator") is None):
        return Diagnosis("ok", f"{now():%Y-%m-%d %H:%M:%S} UTC. The simulated exchange goes by it.")
    url = f"{settings.binance_spot_rest_url or exchange_urls(settings).spot_rest}/api/v3/time"
    before = now()
    try:
        reply = httpx.get(url, timeout=ANSWER_S)
        theirs = from_us(int(reply.raise_for_status().json()["serverTime"]) * 1000)
    except (httpx.HTTPError, KeyError, ValueError):
        return Diagnosis("warning", f"{before:%Y-%m-%d %H:%M:%S} UTC; the exchange's clock could not be asked.")
    between = before + (now() - before) / 2
    off = (between - theirs).total_seconds()
    said = f"{abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} the exchange's, {theirs:%Y-%m-%d %H:%M:%S} UTC."
    if abs(off) <= CLOCK_WARNING_S:
        return Diagnosis("ok", said)
    return Diagnosis(
        "failure" if abs(off) > CLOCK_FAILURE_S else "warning",
        said,
        "Let NTP set the clock: timedatectl set-ntp true.",
    )


def _problem(client: httpx.Client, url: str, *, anything: bool) -> str:
    """Why the address does not serve this network, as a sentence; empty where it does."""
    import httpx

    from crypto_assets.binance.http import error_of

    try:
        reply = client.get(url)
    except httpx.HTTPError as error:
        return f"{httpx.URL(url).host} cannot be reached ({type(error).__name__}): see the network, DNS and proxy."
    if reply.is_success or (anything and reply.status_code not in (403, 451) and reply.status_code < 500):
        return ""
    return f"{error_of(url, reply)}"
