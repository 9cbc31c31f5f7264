"""The page Features."""

from __future__ import annotations

import streamlit as st

from crypto_assets.dashboard.choosing import choose_symbol
from crypto_assets.dashboard.context import PageContext


def render(context: PageContext) -> None:
    """Draw the page."""
    st.subheader("Features")
    choose_symbol(context)
