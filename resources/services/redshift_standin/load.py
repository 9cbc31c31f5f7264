"""COPY from S3: what is asked is checked, then the rows go into PostgreSQL in the client's own transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pyarrow import fs

from crypto_assets.endpoints import S3Endpoint
from resources.services.redshift_standin.backend import Answer, Backend
from resources.services.redshift_standin.column_types import Column
from resources.services.redshift_standin.parquet_rows import TEXT, Piece, check_schemas, read_pieces
from resources.services.redshift_standin.protocol import Message
from resources.services.redshift_standin.refusals import Explanation, LoadRefusal, Refusal
from resources.services.redshift_standin.s3_objects import S3Object, connect, find_objects
from resources.services.redshift_standin.statements import CLUSTERS_OWN_ROLE, CopyCommand

log = logging.getLogger("redshift stand-in")

CODE_BY_POSTGRES = 1_999
DESCRIBE = """
SELECT c.relkind, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass({table})
ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Loader:
    """Executes COPY for the clients of one stand-in."""

    store: Callable[[], S3Endpoint]
    """Asked at each COPY: a server that was restarted may listen elsewhere."""
    role: str
    """The one that COPY may name."""

    async def load(self, backend: Backend, command: CopyCommand, *, is_cancelled: Callable[[], bool]) -> int:
        """Rows loaded. Raises Refusal where nothing may be loaded: what was is undone with the transaction."""
        began = time.monotonic()
        self._check_role(command)
        columns = await self._columns(backend, command)
        client, objects = await asyncio.to_thread(self._look, command, columns)
        pieces = read_pieces(client, objects, columns)
        backend.begin(f"COPY {command.table} FROM STDIN ({TEXT})")
        if (await _first(backend)).kind != b"G":
            raise _as_refusal(await backend.finish(), command)
        rows = await _send(backend, pieces, command, is_cancelled=is_cancelled)
        log.info("copy %s files=%d rows=%d took=%.1fs", command.table, len(objects), rows, time.monotonic() - began)
        return rows

    def _check_role(self, command: CopyCommand) -> None:
        if command.role not in (self.role, CLUSTERS_OWN_ROLE):
            user = "arn:aws:redshift:us-east-1:000000000000:dbuser:stand-in/warehouse"
            raise Refusal(
                f"User {user} is not authorized to assume IAM Role {command.role}",
                code="42501",
                detail=f"The stand-in knows one role, {self.role}.",
            )

    def _look(self, command: CopyCommand, columns: Sequence[Column]) -> tuple[fs.S3FileSystem, list[S3Object]]:
        client = connect(self.store())
        objects = find_objects(client, command)
        check_schemas(client, objects, columns)
        return client, objects

    async def _columns(self, backend: Backend, command: CopyCommand) -> list[Column]:
        """Columns of the table, in the order of the files'."""
        answer = await backend.ask(DESCRIBE.format(table=f"'{command.table}'"))
        if answer.error:
            raise _as_refusal(answer, command)
        if not answer.rows:
            raise Refusal(f"Cannot COPY into nonexistent table {command.shown_table}", code="42P01")
        if answer.rows[0][0] != "r":
            raise Refusal(f'cannot copy to "{command.shown_table}": it is not a table', code="42809")
        return [Column(name, type_ or "", required == "t") for _, name, type_, required in answer.rows if name]


async def _send(
    backend: Backend, pieces: Iterator[Piece], command: CopyCommand, *, is_cancelled: Callable[[], bool]
) -> int:
    rows = 0
    coming = _next(pieces)
    try:
        while not backend.failed and (piece := await coming) is not None:
            if is_cancelled():
                raise Refusal("canceling statement due to user request", code="57014")
            coming = _next(pieces)  # is read and converted while PostgreSQL takes this one
            backend.send(Message(b"d", piece.text))
            await backend.drain()
            rows += piece.rows
    except Refusal:
        backend.send(Message(b"f", b"refused by the stand-in\0"))
        await backend.finish()
        raise
    finally:
        await asyncio.gather(coming, return_exceptions=True)
    backend.send(Message(b"c", b""))
    answer = await backend.finish()
    if answer.error:
        raise _as_refusal(answer, command)
    return rows


def _next(pieces: Iterator[Piece]) -> asyncio.Task[Piece | None]:
    return asyncio.create_task(asyncio.to_thread(next, pieces, None))


async def _first(backend: Backend) -> Message:
    """How PostgreSQL answers its own COPY: `G` where it takes rows."""
    message = await backend.next_read()
    if message.kind == b"E":
        backend.put_back(message)
    return message


def _as_refusal(answer: Answer, command: CopyCommand) -> Refusal:
    """What PostgreSQL says about a load, in Redshift's way for what the rows are to blame for."""
    fields = answer.error_fields
    reason = fields.get("M", "")
    if "W" not in fields:  # not about a row
        return Refusal(reason, code=fields.get("C", "XX000"), detail=fields.get("D"))
    if fields.get("C") == "57014":
        return Refusal(reason, code="57014")
    explanation = Explanation(
        command.uri, f"{reason} ({fields['W']})", code=CODE_BY_POSTGRES, column=fields.get("c", "")
    )
    return LoadRefusal(
        f"Load into table '{command.shown_table}' failed.  Check 'stl_load_errors' system table for details.",
        explanation,
        detail=explanation.reason,
    )
