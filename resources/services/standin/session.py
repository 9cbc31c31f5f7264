"""One client of the stand-in: its statements are translated, COPY is executed, everything else passes through."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg2

from resources.services.standin.backend import Backend
from resources.services.standin.copy_command import CopyCommand, parse_copy
from resources.services.standin.database import SCHEMA
from resources.services.standin.diagnostics import Diagnostics, Load
from resources.services.standin.load import Loader
from resources.services.standin.protocol import (
    Message,
    complete,
    decode_text,
    encode_text,
    error,
    notice,
    query,
    read_message,
    ready,
)
from resources.services.standin.refusals import LoadRefusal, Refusal, not_in_stand_in
from resources.services.standin.tokens import Kind, Token, statements_of, text_of, tokens_of, words_of
from resources.services.standin.translate import LastCopy, translate

log = logging.getLogger("redshift stand-in")

SENT_AHEAD = 64
"""Messages of a client that wait here while one is executed."""
ONLY_SIMPLE = ("copy", "truncate")
"""Statements that the stand-in takes apart: it has to see their end before what follows them."""
BEGIN, END = ("begin", "start"), ("commit", "end", "rollback", "abort")


class ClientGone(Exception):
    """Raised where a client has ended its connection without saying so."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as PostgreSQL executes it."""

    text: str
    first: str
    """Its first word."""


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
        self._last = LastCopy()
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
        if message.kind == b"Q":
            await self.backend.wait_idle()
            self._is_cancelled = False
            await self._query(message)
        elif message.kind == b"P":
            self.backend.send(self._parse(message))
        else:
            self.backend.send(message, asks=message.kind in (b"S", b"F"))
        await self.backend.drain()

    async def _query(self, message: Message) -> None:
        text = decode_text(message.body[:-1])
        try:
            steps = [self._plan(statement) for statement in statements_of(tokens_of(text))]
        except Refusal as refusal:
            await self._fail(refusal)
            await self._end()
            return
        plain = [step.text for step in steps if isinstance(step, Statement) and step.first != "truncate"]
        if len(plain) < len(steps):
            await self._run_steps(steps)
        elif all(step in text for step in plain):  # untouched: PostgreSQL's errors count characters of it
            await self.backend.pass_through(message)
        else:
            await self.backend.pass_through(query(";".join(plain)))

    def _parse(self, message: Message) -> Message:
        """A Parse message as PostgreSQL takes it; what is refused becomes a statement that fails with its sentence.

        Several statements in one pass as they are: PostgreSQL refuses them itself.
        """
        name, _, rest = message.body.partition(b"\0")
        text, _, types = rest.partition(b"\0")
        tokens = tokens_of(decode_text(text))
        statements = statements_of(tokens)
        if len(statements) != 1:
            return message
        try:
            sql = self._prepare(statements[0])
        except Refusal as refusal:
            sql = _refusing(refusal, tokens)
        return Message(b"P", name + b"\0" + encode_text(sql) + b"\0" + types)

    def _prepare(self, statement: Sequence[Token]) -> str:
        first = words_of(statement, count=1)[0]
        if first in ONLY_SIMPLE:
            instead = "Send it as a simple query, without parameters."
            raise not_in_stand_in(f"{first.upper()} in the extended protocol", instead=instead)
        return translate(statement, self._last)

    def _plan(self, statement: Sequence[Token]) -> Statement | CopyCommand:
        first = words_of(statement, count=1)[0]
        if first == "copy":
            return parse_copy(statement)
        return Statement(translate(statement, self._last), first)

    async def _run_steps(self, steps: Sequence[Statement | CopyCommand]) -> None:
        """Execute statements one by one: together they are one transaction, as PostgreSQL has it, unless they say."""
        own = False
        for step in steps:
            first = step.first if isinstance(step, Statement) else "copy"
            if first in BEGIN and own:
                own = False
                self._tell(complete("BEGIN"))
                continue
            if len(steps) > 1 and self.backend.status == "I" and first not in BEGIN:
                await self.backend.ask("BEGIN")
                own = True
            if not await self._run(step):
                break
            own = own and first not in (*END, "truncate")
        if own and self.backend.status != "I":
            answer = await self.backend.ask("COMMIT" if self.backend.status == "T" else "ROLLBACK")
            if answer.error:
                self._tell(answer.error)
        await self._end()

    async def _run(self, step: Statement | CopyCommand) -> bool:
        if isinstance(step, CopyCommand):
            return await self._copy(step)
        done = await self.backend.run(step.text)
        if done and step.first == "truncate" and self.backend.status == "T":
            await self.backend.ask("COMMIT")  # as Redshift does: it cannot be rolled back
        return done

    async def _copy(self, command: CopyCommand) -> bool:
        if self.backend.status == "E":
            await self._fail(not_in_stand_in("COPY in a failed transaction", instead="Roll it back."))
            return False
        try:
            number = await asyncio.to_thread(self._diagnostics.next_query)
        except psycopg2.Error as error:
            await self._fail(Refusal(f"the stand-in cannot begin a load: {str(error).strip()}", code="08006"))
            return False
        load = Load(number, self.backend.key[0] if self.backend.key else 0, command.table.replace('"', ""))
        try:
            rows = await self._loader.load(self.backend, command, is_cancelled=lambda: self._is_cancelled)
        except Refusal as refusal:
            self._last = LastCopy(number, self._last.rows)
            log.warning("copy %s refused: %s", load.table, refusal.message)
            if isinstance(refusal, LoadRefusal):
                why = refusal.explanation
                await self._keep("stl_load_errors", lambda: self._diagnostics.write_error(load, why))
            await self._fail(refusal, is_known=True)
            return False
        self._last = LastCopy(number, rows.total())
        await self._keep("stl_load_commits", lambda: self._diagnostics.write_commits(load, rows))
        self._tell(notice(f"Load into table '{load.table}' completed, {rows.total()} record(s) loaded successfully."))
        self._tell(complete("COPY"))
        return True

    async def _keep(self, table: str, write: Callable[[], None]) -> None:
        """Write rows that tell of a load; where that fails it is said, and the load is as it was without them."""
        try:
            await asyncio.to_thread(write)
        except psycopg2.Error as error:
            log.error("no row in %s: %s", table, str(error).strip())
            self._tell(notice(f"{table} could not be written, so it does not tell of this load"))

    async def _fail(self, refusal: Refusal, *, is_known: bool = False) -> None:
        """Tell the client, and let the transaction fail; one that had failed before says so itself."""
        told = error(refusal.code, refusal.message, detail=refusal.detail)
        if not (is_known and self.backend.status == "E"):
            answer = await self.backend.ask(f"SELECT {SCHEMA}.refuse('{refusal.code}', '')")
            if answer.error and answer.error_fields.get("C") == "25P02":
                told = answer.error
        self._tell(told)

    async def _end(self) -> None:
        self._tell(ready(self.backend.status))
        with suppress(ConnectionError):
            await self._writer.drain()

    def _tell(self, message: Message) -> None:
        self._writer.write(message.encoded())


def _refusing(refusal: Refusal, tokens: Sequence[Token]) -> str:
    """A SELECT that fails as a refusal says, of as many parameters as the text has: each is bound before it fails."""
    message = " ".join(filter(None, (refusal.message, refusal.detail))).replace("'", "''")
    text = text_of([token for token in tokens if token.kind in (Kind.OTHER, Kind.NUMBER)])
    parameters = sorted({int(number) for number in re.findall(r"\$(\d+)", text)})
    unused = "".join(f", ${number}::TEXT" for number in parameters)
    return f"SELECT {SCHEMA}.refuse('{refusal.code}', '{message}'){unused}"
