"""A stand-in of Google Sheets: the part of its API v4 that this project uses, over spreadsheets in a folder.

`python -m resources.services.sheets_standin --port … --folder …` serves it. It is no Google: what is shared here, only
this machine sees. A service account of its own signs in, with the key in `service_account.json` of the folder; what is
not shared with that account is refused.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from crypto_assets.lake.files import Files
from resources.services.sheets_book import ApiError, Book, Books

HOST = "127.0.0.1"
EMAIL = "sheets@stand-in.invalid"
EMBEDDED_ID = "price-aggregates"
"""The spreadsheet that is there from the beginning."""
KEY_FILE = "service_account.json"
UNIVERSE = "stand-in.invalid"
"""Of another universe than Google's, so that google-auth signs each request itself and asks Google nothing."""
TOKEN_S = 3_600
PATH = "/v4/spreadsheets"
_TARGET = re.compile(r"(?P<id>[^/:]+)(?:/values(?:/(?P<range>.+?))?)?(?::(?P<verb>batchGet|batchUpdate))?")


class StandIn:
    """The server's state: spreadsheets, the key of its service account, and the tokens given out."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(folder / "spreadsheets")
        self.books.create(EMBEDDED_ID, title="Price aggregates", editors=[EMAIL])
        self.key_file = folder / KEY_FILE
        self._files = Files(str(folder))
        self._tokens: dict[str, tuple[str, float]] = {}
        self._public_key = ""

    def write_key(self, token_url: str) -> Path:
        """A service account's key file whose tokens are given at this address; the account stays, its key too."""
        known = self._files.read(KEY_FILE)
        account: dict[str, str] = json.loads(known) if known else _new_account()
        account |= {"token_uri": token_url, "universe_domain": UNIVERSE}
        self._files.publish(KEY_FILE, json.dumps(account, indent=2).encode())
        self.key_file.chmod(0o600)
        self._public_key = _public_key(account["private_key"])
        return self.key_file

    def token(self, assertion: str) -> dict[str, object]:
        """A token for who signed this; raises ApiError where nobody known did."""
        email = self._signed_by(assertion)
        if email is None:
            raise ApiError(400, "Invalid JWT Signature.")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (email, time.monotonic() + TOKEN_S)
        return {"access_token": token, "expires_in": TOKEN_S, "token_type": "Bearer"}

    def answer(self, request: Request, body: bytes) -> Response:
        """Do what is asked, or refuse it as Google does."""
        try:
            return JSONResponse(self._do(request, json.loads(body) if body else {}))
        except ApiError as error:
            return JSONResponse(error.body, error.code)

    def _do(self, request: Request, body: dict[str, Any]) -> object:
        who = self._who(request)
        match = _TARGET.fullmatch(request.path_params["target"])
        if match is None:
            raise ApiError(404, "Requested entity was not found.")
        book = self.books.get(match["id"])
        if who not in book.editors:
            raise ApiError(403, "The caller does not have permission")
        if request.method == "GET":
            return _read(book, request, match)
        return self.books.change(book.id, lambda held: _write(held, request, body))

    def _who(self, request: Request) -> str:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        given, until = self._tokens.get(token, ("", 0.0))
        email = given if time.monotonic() < until else self._signed_by(token)
        if kind.lower() != "bearer" or not email:
            raise ApiError(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
            )
        return email

    def _signed_by(self, text: str) -> str | None:
        """Whose key signed a JSON Web Token; None where it is none, or has expired."""
        try:
            return str(jwt.decode(text, certs=self._public_key)["iss"])
        except (ValueError, GoogleAuthError):
            return None


def create_app(standin: StandIn) -> Starlette:
    """The API, and each spreadsheet as a page."""

    async def api(request: Request) -> Response:
        return await run_in_threadpool(standin.answer, request, await request.body())

    async def token(request: Request) -> Response:
        async with request.form() as form:
            assertion = str(form.get("assertion", ""))
        try:
            return JSONResponse(await run_in_threadpool(standin.token, assertion))
        except ApiError as error:
            return JSONResponse({"error": "invalid_grant", "error_description": str(error)}, error.code)

    def page(request: Request) -> Response:
        try:
            return HTMLResponse(_page(standin.books.get(request.path_params["id"])))
        except ApiError as error:
            return HTMLResponse(str(error), error.code)

    def health(_: Request) -> Response:
        return JSONResponse({"spreadsheet": EMBEDDED_ID})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/token", token, methods=["POST"]),
            Route(f"{PATH}/{{target:path}}", api, methods=["GET", "POST"]),
            Route("/spreadsheets/d/{id}", page),
        ]
    )


def _read(book: Book, request: Request, match: re.Match[str]) -> dict[str, Any]:
    if match["verb"] == "batchGet":
        names = request.query_params.getlist("ranges")
        return {"spreadsheetId": book.id, "valueRanges": [book.read(name) for name in names]}
    if match["range"]:
        return book.read(match["range"])
    sheets = [{"properties": sheet.properties(index)} for index, sheet in enumerate(book.sheets)]
    return {"spreadsheetId": book.id, "properties": {"title": book.title}, "sheets": sheets}


def _write(book: Book, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
    if request.url.path.endswith("/values:batchUpdate"):
        return {"spreadsheetId": book.id, "responses": [book.write(entry) for entry in body["data"]]}
    if request.url.path.endswith(":batchUpdate"):
        return {"spreadsheetId": book.id, "replies": [book.change(entry) for entry in body["requests"]]}
    raise ApiError(404, f"This stand-in of Google Sheets has no POST {request.url.path}")


def _page(book: Book) -> str:
    def row(values: list[Any]) -> str:
        return "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in values) + "</tr>"

    tabs = "".join(
        f"<h2>{html.escape(sheet.title)}</h2><table border=1>{''.join(map(row, sheet.cells))}</table>"
        for sheet in book.sheets
    )
    note = "Kept on this machine by the stand-in of Google Sheets; set GOOGLE_SHEETS_ID to share for real."
    return f"<!doctype html><title>{html.escape(book.title)}</title><h1>{html.escape(book.title)}</h1><p>{note}{tabs}"


def _new_account() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "stand-in",
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(*form).decode(),
        "client_email": EMAIL,
        "client_id": "0",
    }


def _public_key(private_key: str) -> str:
    key = serialization.load_pem_private_key(private_key.encode(), password=None).public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_bytes(*form).decode()


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description="A stand-in of Google Sheets for this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args(arguments)
    standin = StandIn(given.folder)
    standin.write_key(f"http://{HOST}:{given.port}/token")
    uvicorn.run(create_app(standin), host=HOST, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
