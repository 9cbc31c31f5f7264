"""The page Forecast."""

from __future__ import annotations

import streamlit as st

from crypto_assets.dashboard.choosing import choose_symbol
from crypto_assets.dashboard.context import PageContext


def render(context: PageContext) -> None:
    """Draw the page."""
    st.subheader("Forecast")
    choose_symbol(context)
