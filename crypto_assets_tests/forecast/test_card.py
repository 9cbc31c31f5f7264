"""A model's card says all of it, to programs and to people."""

from __future__ import annotations

import msgspec

from crypto_assets.forecast.card import ModelCard, as_markdown, encode_card
from crypto_assets_tests.forecast.small_networks import small_card


def test_a_card_is_read_as_it_was_written() -> None:
    card = small_card()
    assert msgspec.json.decode(encode_card(card), type=ModelCard) == card
    assert encode_card(card) == encode_card(small_card())


def test_people_read_what_a_model_is_and_where_it_ends() -> None:
    lines = as_markdown(small_card()).splitlines()
    assert lines[:5] == [
        "# BTCUSDT-2024-08-02-0123456789ab",
        "",
        "Simulated market (simulator-7). Not financial advice.",
        "",
        "Foretells log-returns of BTCUSDT over 1, 5 min from the last 8 rows of `gold_features`, 4 columns.",
    ]
    assert "- never seen: 286 samples, 2024-08-02 15:44:00 to 2024-08-02 20:29:00" in lines
    assert f"- training set sha256 `{'ab' * 32}`" in lines
    assert "- skill_over_zero_1: -0.002" in lines
    assert "- 80% of outcomes lay within ±6.00 bps (1 min), ±14.00 bps (5 min)" in lines
    assert "- Foretells little." in lines
    assert "| volume_spike_20_1m (constant) | 1 | 1 | 1 | 1 |" in lines


def test_figures_of_the_validation_samples_are_called_flattering() -> None:
    assert "They ended the fit, so these figures flatter." in as_markdown(small_card())


def test_a_card_of_real_data_names_its_exchange() -> None:
    assert "Market of binance. Not financial advice." in as_markdown(small_card(exchange="binance"))
