"""`crypto-assets`: the platform from a terminal. Every command is thin: what it does is a program or package below."""

from __future__ import annotations

from typing import Annotated

import typer

from crypto_assets.cli import alerts, backfill, coverage, doctor, export, models, programs, query

app = typer.Typer(
    name="crypto-assets",
    help="A crypto market-data platform on this machine, from raw files and live streams to features and forecasts.",
    epilog="Exit status: 0 done, 1 failed, 2 what was typed cannot be, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=lambda asked: _print_version() if asked else None, is_eager=True)
    ] = False,
) -> None:
    """A crypto market-data platform on this machine, from raw files and live streams to features and forecasts."""


def _print_version() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(version("crypto-assets"))
    except PackageNotFoundError:
        typer.echo("crypto-assets, not installed")
    raise typer.Exit


programs.add_programs(app)
for _command in (
    *(programs.up, programs.down, programs.status, doctor.doctor, backfill.backfill, coverage.coverage),
    *(coverage.gaps, query.query, export.export),
):
    app.command()(_command)
app.add_typer(models.app, name="model")
app.add_typer(alerts.app, name="alerts")


def main() -> None:
    """Run the command of the process."""
    app()


if __name__ == "__main__":
    main()
