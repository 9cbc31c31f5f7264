"""The stand-in as a server: clients come in, each gets its own connection to PostgreSQL, and all end together."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from resources.services.redshift_standin.backend import Backend, BackendGone
from resources.services.redshift_standin.database import DATABASE
from resources.services.redshift_standin.diagnostics import Diagnostics
from resources.services.redshift_standin.load import Loader
from resources.services.redshift_standin.protocol import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    Message,
    ProtocolError,
    StartPacket,
    fatal,
    read_start,
)
from resources.services.redshift_standin.session import ClientGone, Session

log = logging.getLogger("redshift stand-in")

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
READER_BYTES = 1 << 20
CANCEL_S = 5.0
"""How long PostgreSQL may take to hear that a statement is no longer wanted."""


class StandIn:
    """Serves clients on a socket; not Redshift, and says so."""

    def __init__(self, owner_url: Callable[[], str], loader: Loader) -> None:
        """`owner_url` is that of the database's owner on PostgreSQL, asked at each connection: a server that was
        restarted may be elsewhere."""
        self._owner_url = owner_url
        self._loader = loader
        self._sessions: dict[asyncio.Task[None], Session | None] = {}
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, listener: socket.socket, *, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then clients are told so, and what they had not committed is undone."""
        server = await asyncio.start_server(self._accept, sock=listener, limit=READER_BYTES)
        async with server:
            await stop.wait()
            server.close()
            for task, writer in self._writers.items():
                writer.write(fatal("57P01", "terminating connection due to administrator command").encoded())
                task.cancel()
            await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task], self._writers[task] = None, writer
        try:
            await self._serve_client((reader, writer), task)
        except (asyncio.IncompleteReadError, ConnectionError, ProtocolError) as error:
            log.info("a client went away: %s", error)
        except asyncio.CancelledError:
            log.info("a client was told to go")
        finally:
            del self._sessions[task], self._writers[task]
            with suppress(ConnectionError):
                writer.close()

    async def _serve_client(self, client: Streams, task: asyncio.Task[None]) -> None:
        reader, writer = client
        start = await read_start(reader)
        while start.code in (SSL_REQUEST, GSS_REQUEST):
            writer.write(b"N")
            start = await read_start(reader)
        if start.code == CANCEL_REQUEST:
            await self._cancel(start)
            return
        asked = start.parameters()
        if asked.get("database", asked.get("user")) != DATABASE:
            await _turn_away(writer, "3D000", f'the stand-in has one database, "{DATABASE}"')
            return
        try:
            streams = await self._connect()
        except OSError as error:
            await _turn_away(writer, "08006", f"the stand-in does not reach its PostgreSQL: {error}")
            return
        await self._serve_session(client, Backend(*streams, writer), start, task)

    async def _serve_session(
        self, client: Streams, backend: Backend, start: StartPacket, task: asyncio.Task[None]
    ) -> None:
        diagnostics = Diagnostics(self._owner_url())
        session = Session(client, backend, loader=self._loader, diagnostics=diagnostics)
        self._sessions[task] = session
        backend.send_raw(start.encoded())
        try:
            await session.run()
        except* BackendGone:
            log.warning("a connection to PostgreSQL was lost")
            sentence = "the stand-in has lost its PostgreSQL; what was not committed is undone"
            client[1].write(fatal("08006", sentence).encoded())
        except* ClientGone:
            log.info("a client went away without a word; what it had not committed is undone")
        finally:
            await self._undo(backend)
            backend.close()

    async def _undo(self, backend: Backend) -> None:
        """PostgreSQL would go on with a statement whose client is gone until it has an answer to give."""
        if backend.key and not backend.is_idle:
            body = b"".join(part.to_bytes(4, "big") for part in backend.key)
            with suppress(OSError):
                async with asyncio.timeout(CANCEL_S):
                    await self._cancel(StartPacket(CANCEL_REQUEST, body))

    async def _cancel(self, request: StartPacket) -> None:
        """Hand a cancel request on to PostgreSQL, and stop the COPY that it names."""
        for session in self._sessions.values():
            key = session.backend.key if session else None
            if session and key and b"".join(part.to_bytes(4, "big") for part in key) == request.body:
                session.cancel()
        reader, writer = await self._connect()
        writer.write(request.encoded())
        await reader.read()  # it answers by closing, once the signal is sent
        writer.close()

    async def _connect(self) -> Streams:
        parts = urlsplit(self._owner_url())
        return await asyncio.open_connection(parts.hostname, parts.port, limit=READER_BYTES)


async def _turn_away(writer: asyncio.StreamWriter, code: str, message: str) -> None:
    told: Message = fatal(code, message)
    writer.write(told.encoded())
    await writer.drain()
