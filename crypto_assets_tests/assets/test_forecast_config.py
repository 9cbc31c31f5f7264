from __future__ import annotations

import msgspec
import pytest

from crypto_assets.assets.forecast_config import OF_PREDICTIONS, ForecastConfig
from crypto_assets.errors import ConfigurationError
from crypto_assets.forecast.options import DataOptions, JudgeOptions, NetworkOptions


def test_every_option_can_be_given_in_a_run() -> None:
    names = {f.name for part in (DataOptions, NetworkOptions, JudgeOptions) for f in msgspec.structs.fields(part)}
    assert set(ForecastConfig.model_fields) - OF_PREDICTIONS == names


def test_nothing_given_is_the_default_with_the_days_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECAST_DAYS", "12")
    options = ForecastConfig().options()
    assert options.data == DataOptions(days=12)
    assert (options.network, options.judge) == (NetworkOptions(), JudgeOptions())


def test_what_is_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECAST_DAYS", "12")
    options = ForecastConfig(days=3, source="klines_1s", horizons=[1, 10, 60], units=[8], fee_bps=0).options()
    assert options.data == DataOptions(days=3, source="klines_1s", horizons=(1, 10, 60))
    assert options.network.units == (8,)
    assert options.judge.fee_bps == 0


def test_a_wrong_value_is_answered_with_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="source is gold_features or klines_1s; got 'gold'"):
        ForecastConfig(source="gold").options()
