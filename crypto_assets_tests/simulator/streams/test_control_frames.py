"""Requests on a connection and the exchange's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.streams.control_frames import ControlState


def ask(state: ControlState, request: Any) -> Any:
    return json.loads(state.answer(request if isinstance(request, str) else json.dumps(request)).body)


def state(*, limit: int = 1024) -> ControlState:
    return ControlState(combined=False, limit=limit)


def test_streams_come_and_go_and_are_listed_in_order() -> None:
    own = state()
    assert ask(own, {"method": "SUBSCRIBE", "params": ["b@trade", "a@trade"], "id": 1}) == {"result": None, "id": 1}
    reply = own.answer(json.dumps({"method": "SUBSCRIBE", "params": ["a@trade", "c@trade"], "id": None}))
    assert (reply.added, json.loads(reply.body)) == (("c@trade",), {"result": None, "id": None})
    reply = own.answer(json.dumps({"method": "UNSUBSCRIBE", "params": ["b@trade", "z@trade"], "id": "x-1"}))
    assert (reply.removed, json.loads(reply.body)) == (("b@trade",), {"result": None, "id": "x-1"})
    listed = ask(own, {"method": "LIST_SUBSCRIPTIONS", "id": 3})
    assert listed == {"result": ["a@trade", "c@trade"], "id": 3}


def test_the_combined_property_is_read_and_set() -> None:
    own = state()
    assert ask(own, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is False
    assert ask(own, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}) == {"result": None, "id": 2}
    assert own.combined


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 1}, 2, "Invalid request: missing field `params`"),
        ("{", 3, "Invalid JSON: expected value at line 1 column 2"),
        ("", 3, "Invalid JSON: expected value at line 1 column 1"),
        ({"params": [], "id": 1}, 2, "Invalid request: missing field `method`"),
        ({"method": "JUMP", "id": 1}, 2, "Invalid request: unknown variant `JUMP`, expected one of `SUBSCRIBE`"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1.5}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"]}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": "x" * 37}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 2**63}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1, "x": 1}, 2, "Invalid request: too many parameters"),
        ({"method": "SUBSCRIBE", "params": [f"{i}@trade" for i in range(4)], "id": 1}, 2, "too many parameters"),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2, "Invalid request: "),
        ({"method": "LIST_SUBSCRIPTIONS", "params": ["a"], "id": 1}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "Invalid value type: expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["other", True], "id": 1}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": [True], "id": 1}, 2, "property name must be a string"),
        ({"method": "SET_PROPERTY", "id": 1}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2, "too many parameters"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code_and_changes_nothing(
    request_: object, code: int, message: str
) -> None:
    own = state(limit=3)
    answer = ask(own, request_)
    assert answer["code"] == code
    assert message in answer["msg"]
    assert (own.streams, own.combined) == ({}, False)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_requests = st.fixed_dictionaries(
    {"method": st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", 1])},
    optional={"params": _json | st.lists(st.sampled_from(["a@trade", "b@trade", "combined", True])), "id": _json},
)


@given(st.lists(_requests | _json))
def test_any_json_gets_one_answer_and_streams_stay_within_the_limit(requests: list[object]) -> None:
    own = state(limit=2)
    held: set[str] = set()
    for request in requests:
        reply = own.answer(json.dumps(request))
        answer = json.loads(reply.body)
        assert answer.keys() in ({"result", "id"}, {"code", "msg"})
        held = (held | set(reply.added)) - set(reply.removed)
        assert held == set(own.streams)
        assert len(held) <= 2


@given(st.text() | st.binary())
def test_any_text_gets_an_answer(text: str | bytes) -> None:
    assert json.loads(state().answer(text).body)["code"] in (2, 3)
