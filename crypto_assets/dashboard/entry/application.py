"""What `streamlit run` serves."""

import streamlit as st
from starlette.middleware import Middleware

from crypto_assets.dashboard.leaving import LeftPages

app = st.App("script.py", middleware=[Middleware(LeftPages)])
