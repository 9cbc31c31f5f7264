"""The arithmetic of docs/sizing.md."""

from __future__ import annotations

import re

import pytest

from crypto_assets_tests.deploy.composed import ROOT
from deploy.sizing import Need, main


def test_the_page_shows_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    page = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- sizing: printed by deploy/sizing\.py -->\n(.*?)<!-- /sizing -->", page, re.DOTALL)
    assert found is not None
    assert found[1] == capsys.readouterr().out, "run python deploy/sizing.py and put it there"


def test_a_symbol_without_trades_by_hand() -> None:
    need = Need(1, 0)
    assert need.messages_a_second == pytest.approx(10.07 + 2.51 + 1.01 + 1.01)
    book, others = 10.07 * 86_400 * 428 * 2, (2.51 * 116 + 1.01 * 285 + 1.01 * 160) * 86_400 * 7
    assert need.kafka_gb == pytest.approx((book + others) / 1e9)
    assert need.lake_gb_a_day == pytest.approx((148_000 + 619_000 + 864_000 * 118.2) / 1e9)
    assert need.requests_a_month == (round((70 + 288 * 12) * 30 * 4.3), round((70 + 288 * 12) * 30 * 8.9))


def test_twice_the_symbols_need_twice_as_much_and_a_year_holds_twelve_months() -> None:
    one, two = Need(1, 1_000_000), Need(2, 1_000_000)
    for what in ("messages_a_second", "kafka_gb", "lake_gb_a_day", "bronze_gb", "postgres_gb_a_month"):
        assert getattr(two, what) == pytest.approx(2 * getattr(one, what))
    eleven_months = one.lake_gb_a_day * 30 * 11 * 1e9 / 1024**3 * 0.023
    assert one.month_cost(months=12) - one.month_cost(months=1) == pytest.approx(eleven_months)
