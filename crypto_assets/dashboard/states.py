"""Parts of a page, and what they look like when there is nothing to show or a service is down."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

import psycopg2
import redis
import streamlit as st

from crypto_assets.dashboard.words import plain
from crypto_assets.errors import CryptoAssetsError

_SIGN = ":material/cloud_off:"

log = logging.getLogger(__name__)

DOWN = (CryptoAssetsError, redis.RedisError, psycopg2.Error)
"""What a part may raise where a service of it cannot be used."""


@contextmanager
def part(title: str, *, link: str = "", note: str = "", down: str | None = None) -> Generator[None]:
    """A part under its heading, with `link` (Markdown) beside and `note` below it.

    With `down`, why its service cannot be asked, it shows the sentence and dims what is drawn, the last that is known.
    Where drawing it raises one of DOWN it is the sentence alone. Other parts stay as they are.
    """
    key = "-".join(title.lower().split())
    with st.container(border=True, key=f"part-{key}"):
        _head(title, link=link, note=note)
        with st.container(key=f"{'dimmed' if down else 'body'}-{key}"):
            try:
                yield
            except DOWN as error:
                down = sentence_of(error)
                st.container(key=f"down-{key}").caption("Nothing more can be shown here for now.")
        reason = st.empty()  # always there, so that a sentence that is over goes away with the next run
        if down:
            reason.warning(plain(down), icon=_SIGN)


def empty(what: str, *, run: str) -> None:
    """There is nothing yet: `what` is a sentence of what is missing, `run` the command that makes it."""
    st.caption(plain(what))
    st.code(run, language="bash")


def failure(sentence: str) -> None:
    """Why something cannot be shown, and what to do."""
    st.warning(plain(sentence), icon=_SIGN)


def sentence_of(error: Exception) -> str:
    """What to tell a visitor of it; addresses and passwords of a driver's message stay in the log."""
    match error:
        case CryptoAssetsError():
            return str(error)
        case redis.AuthenticationError() | redis.ConnectionError() | redis.TimeoutError():
            return "Redis does not answer. See `make status`; `make up` starts the embedded one."
        case redis.RedisError():
            log.warning("Redis: %s", type(error).__name__)
            return f"Redis refused what was asked ({type(error).__name__}). See `make status`."
        case psycopg2.errors.UndefinedTable() | psycopg2.errors.InvalidSchemaName():
            return "PostgreSQL has no tables of this platform yet. `make live` makes them."
        case _:
            log.warning("PostgreSQL: %s", type(error).__name__)
            return f"PostgreSQL refused what was asked ({type(error).__name__}). See `make status`."


def _head(title: str, *, link: str, note: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"##### {title}", width="content")
        if link:
            st.caption(link, width="content")
    if note:
        st.caption(note)
