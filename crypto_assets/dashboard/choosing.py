"""What a visitor chooses: only what settings allow, whatever an address or a session says."""

from __future__ import annotations

import streamlit as st

from crypto_assets.dashboard.context import PageContext

FEW = 8
"""Symbols that fit beside each other; more are a list."""

_WIDGET = "symbol-widget"


def choose_symbol(context: PageContext) -> str:
    """The chosen symbol, the same on every page and in the address (`?symbol=`)."""
    symbols = context.symbols
    asked = st.session_state.get("chosen_symbol") or st.query_params.get("symbol")
    chosen = asked if asked in symbols else symbols[0]
    if st.session_state.get(_WIDGET) not in symbols:
        st.session_state[_WIDGET] = chosen  # not as its default: a widget whose default changes is another widget
    if len(symbols) <= FEW:
        picked = st.segmented_control("Symbol", symbols, key=_WIDGET, required=True, label_visibility="collapsed")
    else:
        picked = st.selectbox("Symbol", symbols, key=_WIDGET, label_visibility="collapsed")
    chosen = picked if picked in symbols else chosen
    st.session_state["chosen_symbol"] = chosen
    if st.query_params.get("symbol") != chosen:
        st.query_params["symbol"] = chosen
    return chosen
