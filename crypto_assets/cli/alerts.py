"""`crypto-assets alerts`: what is wrong now, and whether alerts arrive."""

from __future__ import annotations

import logging

import typer

from crypto_assets.cli.telling import FAILED, Json, print_json, told

app = typer.Typer(help="Alerts by webhook, e-mail and log.", no_args_is_help=True)


@app.command("test")
@told
def send_a_test(as_json: Json = False) -> None:
    """Send a test message to each channel that is set; exit status 1 where one was not taken."""
    from crypto_assets.alerts.delivery import send_test
    from crypto_assets.config import read_settings

    logging.basicConfig(format="%(levelname)s %(message)s")
    sent = send_test(read_settings(), log=logging.getLogger("crypto_assets.alerts"))
    if as_json:
        print_json(sent)
    else:
        for one in sent:
            typer.echo(one.sentence)
    if not all(one.is_well for one in sent):
        raise typer.Exit(FAILED)
