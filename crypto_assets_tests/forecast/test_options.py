from __future__ import annotations

import msgspec
import pytest

from crypto_assets.errors import ConfigurationError
from crypto_assets.forecast.options import DataOptions, ForecastOptions, JudgeOptions, NetworkOptions, options_of


def test_nothing_given_is_the_default() -> None:
    assert options_of({}) == ForecastOptions()


def test_a_name_finds_its_part() -> None:
    assert options_of({"days": 3, "horizons": [1, 10], "units": [8, 4], "seeds": 1}) == ForecastOptions(
        data=DataOptions(days=3, horizons=(1, 10)), network=NetworkOptions(units=(8, 4)), judge=JudgeOptions(seeds=1)
    )


def test_no_two_parts_have_an_option_of_one_name() -> None:
    names = [f.name for part in (DataOptions, NetworkOptions, JudgeOptions) for f in msgspec.structs.fields(part)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"source": "klines_1m"}, "source is gold_features or klines_1s; got 'klines_1m'."),
        ({"days": 0}, "Expected `int` >= 1 - at `data.days`."),
        ({"window": "sixty"}, "Expected `int`, got `str` - at `data.window`."),
        ({"horizons": [5, 1]}, "horizons must ascend, each named once, and be at least one; got [5, 1]."),
        ({"horizons": [1, 1]}, "horizons must ascend, each named once, and be at least one; got [1, 1]."),
        ({"horizons": []}, "horizons must ascend, each named once, and be at least one; got []."),
        ({"features": ["roc_1_1m", "roc_1_1m"]}, "features names roc_1_1m more than once."),
        ({"primary": 3}, "primary is the index of a horizon, of which there are 3; got 3."),
        ({"units": []}, "units needs the width of at least one LSTM layer; got none."),
        ({"test_share": 1.0}, "Expected `float` < 1.0 - at `judge.test_share`."),
    ],
)
def test_a_value_that_cannot_mean_anything_is_answered_with_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        options_of(given)
    assert str(error.value) == f"Options of forecasts: {sentence}"


def test_an_option_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"have no option widow\. There are: source, days, window"):
        options_of({"widow": 60})
