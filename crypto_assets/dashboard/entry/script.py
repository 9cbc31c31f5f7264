"""What Streamlit runs for every visit."""

from crypto_assets.dashboard.app import show

show()
