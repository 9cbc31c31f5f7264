"""How a REST endpoint is served: its weight is charged, its refusals take the exchange's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crypto_assets.simulator.limits import LimitExceeded, WeightLimit
from crypto_assets.simulator.replies import ApiError, error_reply, json_reply

type Handler = Callable[[Request], object]
type Weight = int | Callable[[QueryParams], int]

_UNIT_HEADER = "x-mbx-time-unit"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: what answers it, and what it weighs."""

    path: str
    handler: Handler
    weight: Weight = 1


def rest_routes(endpoints: list[Endpoint], *, limit: WeightLimit) -> list[Route]:
    """Routes whose weights count against `limit`."""
    return [Route(endpoint.path, _serve(endpoint, limit), methods=["GET"]) for endpoint in endpoints]


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
