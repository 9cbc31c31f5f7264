"""What is said beside every forecast."""

from __future__ import annotations

NOT_ADVICE = "Not financial advice."


def notice(exchange: str) -> str:
    """The words that go with forecasts of an exchange, by its name in rows; a simulated market is called so."""
    simulated = exchange.startswith("simulator")
    return f"Simulated market ({exchange}). {NOT_ADVICE}" if simulated else f"Market of {exchange}. {NOT_ADVICE}"
