"""How a REST endpoint is served: its weight is charged, its refusals take the exchange's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crypto_assets.simulator.limits import LimitExceeded, WeightLimit
from crypto_assets.simulator.replies import ApiError, error_reply, json_reply
from crypto_assets.spans import MINUTE_US

type Handler = Callable[[Request], object]
type Weight = int | Callable[[QueryParams], int]
type LimitName = Literal["spot", "usdm", "funding", "figures"]

SPOT_WEIGHT_LIMIT = 6000
FUTURES_WEIGHT_LIMIT = 2400
_UNIT_HEADER = "x-mbx-time-unit"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: what answers it, what it weighs, and against which limit; by default that of its venue."""

    path: str
    handler: Handler
    weight: Weight = 1
    limit: LimitName | None = None

    @property
    def limit_name(self) -> LimitName:
        """The limit that it counts against."""
        return self.limit or ("spot" if self.path.startswith("/api/") else "usdm")


def rest_routes(endpoints: Iterable[Endpoint], *, wall_us: Callable[[], int]) -> list[Route]:
    """Routes whose weights count against limits by the clock `wall_us`: two by weight, two by requests."""

    def by_requests(limit: int, header: str) -> WeightLimit:
        return WeightLimit(
            limit, wall_us, window_us=5 * MINUTE_US, unit="requests per 5 MINUTE", header=f"X-SIMULATOR-{header}-5M"
        )

    limits: dict[LimitName, WeightLimit] = {
        "spot": WeightLimit(SPOT_WEIGHT_LIMIT, wall_us),
        "usdm": WeightLimit(FUTURES_WEIGHT_LIMIT, wall_us),
        "funding": by_requests(500, "FUNDING"),
        "figures": by_requests(1000, "FIGURES"),
    }
    return [Route(each.path, _serve(each, limits[each.limit_name]), methods=["GET"]) for each in endpoints]


def _serve(endpoint: Endpoint, limit: WeightLimit) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        weight = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(request.query_params)
        headers: dict[str, str] = {}
        try:
            headers[limit.header] = str(limit.charge(weight))
            return json_reply(endpoint.handler(request), headers=headers)
        except LimitExceeded as error:
            return error_reply(error, headers={limit.header: str(limit.used), "Retry-After": str(error.retry_after_s)})
        except ApiError as error:
            return error_reply(error, headers=headers)

    return answer


def time_unit_us(request: Request) -> int:
    """Microseconds in the unit that spot answers this request in: 1,000, or 1 where a header asks for it."""
    unit = request.headers.get(_UNIT_HEADER, "MILLISECOND").upper()
    if unit not in ("MILLISECOND", "MICROSECOND"):
        raise ApiError(-1100, f"Invalid value for header '{_UNIT_HEADER}'.")
    return 1_000 if unit == "MILLISECOND" else 1
