"""One client of the stand-in: COPY is executed, CREATE TABLE is translated, everything else passes through."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import psycopg2

from resources.services.redshift_standin.backend import Backend
from resources.services.redshift_standin.database import SCHEMA
from resources.services.redshift_standin.diagnostics import Diagnostics, Load
from resources.services.redshift_standin.load import Loader
from resources.services.redshift_standin.protocol import (
    Message,
    complete,
    decode_text,
    error,
    notice,
    query,
    read_message,
    ready,
)
from resources.services.redshift_standin.refusals import Explanation, LoadRefusal, Refusal, not_in_stand_in
from resources.services.redshift_standin.statements import CopyCommand, understood

log = logging.getLogger("redshift stand-in")

SENT_AHEAD = 64
"""Messages of a client that wait here while one is executed."""


class ClientGone(Exception):
    """Raised where a client has ended its connection without saying so."""


class Session:
    """The traffic of one client after its start packet."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        backend: Backend,
        *,
        loader: Loader,
        diagnostics: Diagnostics,
    ) -> None:
        self._reader, self._writer = client
        self.backend = backend
        self._loader, self._diagnostics = loader, diagnostics
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(SENT_AHEAD)
        self._is_cancelled = False

    def cancel(self) -> None:
        """Stop a COPY under way at its next rows."""
        self._is_cancelled = True

    async def run(self) -> None:
        """Serve until either side ends the connection; raises them in a group."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read_client())
            relaying = tasks.create_task(self.backend.relay())
            await self._execute_all()
            reading.cancel()
            relaying.cancel()

    async def _read_client(self) -> None:
        """Take in the client's messages, also while one is executed: only so is its end noticed."""
        try:
            while True:
                await self._waiting.put(await read_message(self._reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ClientGone from None

    async def _execute_all(self) -> None:
        while (message := await self._waiting.get()).kind != b"X":
            await self._execute(message)
        self.backend.send(message)
        await self.backend.drain()

    async def _execute(self, message: Message) -> None:
        """A simple query is looked at; what the extended protocol sends is PostgreSQL's own matter."""
        if message.kind == b"Q":
            await self.backend.wait_idle()
            self._is_cancelled = False
            await self._query(message)
        else:
            self.backend.send(message, asks=message.kind in (b"S", b"F"))
        await self.backend.drain()

    async def _query(self, message: Message) -> None:
        try:
            statement = understood(decode_text(message.body[:-1]))
        except Refusal as refusal:
            await self._fail(refusal)
            await self._end()
            return
        if isinstance(statement, CopyCommand):
            await self._copy(statement)
            await self._end()
        else:
            await self.backend.pass_through(message if statement is None else query(statement))

    async def _copy(self, command: CopyCommand) -> None:
        if self.backend.status == "E":
            await self._fail(not_in_stand_in("COPY in a failed transaction", instead="Roll it back."))
            return
        try:
            load = await asyncio.to_thread(
                self._diagnostics.begin_load,
                command.shown_table,
                session=self.backend.key[0] if self.backend.key else 0,
            )
        except psycopg2.Error as error:
            await self._fail(Refusal(f"the stand-in cannot begin a load: {str(error).strip()}", code="08006"))
            return
        try:
            rows = await self._loader.load(self.backend, command, is_cancelled=lambda: self._is_cancelled)
        except Refusal as refusal:
            log.warning("copy %s refused: %s", load.table, refusal.message)
            if isinstance(refusal, LoadRefusal):
                await self._keep(load, refusal.explanation)
            await self._fail(refusal, is_known=True)
            return
        self._tell(notice(f"Load into table '{load.table}' completed, {rows} record(s) loaded successfully."))
        self._tell(complete("COPY"))

    async def _keep(self, load: Load, why: Explanation) -> None:
        """Write the row that tells why a load failed; where that fails it is said."""
        try:
            await asyncio.to_thread(self._diagnostics.write_error, load, why)
        except psycopg2.Error as error:
            log.error("no row in stl_load_errors: %s", str(error).strip())
            self._tell(notice("stl_load_errors could not be written, so it does not tell of this load"))

    async def _fail(self, refusal: Refusal, *, is_known: bool = False) -> None:
        """Tell the client, and let the transaction fail; one that had failed before says so itself."""
        told = error(refusal.code, refusal.message, detail=refusal.detail)
        if not (is_known and self.backend.status == "E"):
            answer = await self.backend.ask(f"SELECT {SCHEMA}.refuse('{refusal.code}')")
            if answer.error and answer.error_fields.get("C") == "25P02":
                told = answer.error
        self._tell(told)

    async def _end(self) -> None:
        self._tell(ready(self.backend.status))
        with suppress(ConnectionError):
            await self._writer.drain()

    def _tell(self, message: Message) -> None:
        self._writer.write(message.encoded())
