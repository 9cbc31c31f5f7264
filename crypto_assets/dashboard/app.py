"""The pages and what surrounds them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import streamlit as st

from crypto_assets.config import read_settings
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.market.shared import feed_of
from crypto_assets.dashboard.pages import features, forecast, health, live
from crypto_assets.dashboard.states import failure
from crypto_assets.dashboard.style import STYLE, icon
from crypto_assets.errors import CryptoAssetsError

log = logging.getLogger(__name__)


def prepare() -> None:
    """Begin to listen to the market, so that the first visitor sees it."""
    feed_of(_context())


def show() -> None:
    """One run of the page that the visitor is on."""
    st.set_page_config(page_title="crypto assets", page_icon=icon(), layout="wide")
    st.html(STYLE)
    context = _context()
    pages = [
        st.Page(_page(live.render, context), title="Live", default=True),
        st.Page(_page(forecast.render, context), title="Forecast", url_path="forecast"),
        st.Page(_page(features.render, context), title="Features", url_path="features"),
        st.Page(_page(health.render, context), title="Health", url_path="health"),
    ]
    st.navigation(pages, position="top").run()


def _page(render: Callable[[PageContext], None], context: PageContext) -> Callable[[], None]:
    def run() -> None:
        try:
            render(context)
        except CryptoAssetsError as error:
            log.warning("%s: %s", render.__module__, error)
            failure(str(error))

    run.__name__ = render.__module__.rpartition(".")[2]
    return run


@st.cache_resource(show_spinner=False)
def _context() -> PageContext:
    return PageContext(settings=read_settings())
