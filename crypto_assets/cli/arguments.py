"""Arguments that several commands take, refused with a sentence before anything runs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer


def _symbol(text: str) -> str:
    from crypto_assets.identifiers import checked_symbol

    try:
        return checked_symbol(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _day(text: str | date) -> date:
    from crypto_assets.identifiers import checked_day

    if isinstance(text, date):
        return text
    try:
        return checked_day(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def day_option(name: str, *, help: str) -> Any:
    """An option that takes a day, as `2024-08-01`."""
    return typer.Option(name, parser=_day, metavar="DAY", help=help)


Symbol = Annotated[str, typer.Argument(parser=_symbol, metavar="SYMBOL", help="Such as BTCUSDT.")]
Day = Annotated[date, typer.Argument(parser=_day, metavar="DAY", help="UTC day, such as 2024-08-01.")]
FirstDay = Annotated[date, typer.Argument(parser=_day, metavar="FROM", help="First UTC day, such as 2024-08-01.")]
LastDay = Annotated[date, typer.Argument(parser=_day, metavar="TO", help="Last UTC day; it is included.")]
