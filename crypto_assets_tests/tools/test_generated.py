"""Tables that `make docs` writes; that the documents hold them is a test of `test_docs.py`."""

from __future__ import annotations

from crypto_assets.features.declaration import FEATURES, Family
from tools.generated import FEATURES as PAGE
from tools.generated import features_tables


def test_every_feature_has_a_row_with_its_range_and_window() -> None:
    rows = {line.split("`")[1]: line for line in features_tables().splitlines() if line.startswith("| `")}
    assert list(rows) == [feature.name for family in Family for feature in FEATURES if feature.family is family]
    assert "| index | 0 to 100 | 322 × 15m |" in rows["rsi_14_15m"]
    assert "| ≥ 0 |" in rows["whale_bid_size"]
    assert "| 0 to 20,000 |" in rows["spread_bps"]
    assert "| any |" in rows["macd_1m"]
    assert all(line.replace("\\|", "").count("|") == 8 for line in rows.values())


def test_the_page_of_features_holds_the_tables() -> None:
    assert features_tables() in PAGE.read_text(encoding="utf-8"), "run `make docs`"
