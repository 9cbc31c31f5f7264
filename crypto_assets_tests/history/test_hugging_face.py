from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crypto_assets.history.files import find_files
from crypto_assets.history.load import HistoryRequest, load_history
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.convergence.archive_folder import DAY, kline_line

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "spot/klines.csv"
CONTENT = "".join(f"{kline_line(DAY, minute)}\n" for minute in range(1440)).encode()
ENTRY = {"type": "file", "path": NAME, "size": len(CONTENT), "oid": COMMIT}


def _tree(request: Request) -> JSONResponse:
    inside = request.path_params["path"].strip("/")
    if inside in ("", "spot"):
        folder = {"type": "directory", "path": "spot", "size": 0, "oid": COMMIT}
        return JSONResponse([folder, ENTRY] if "recursive" in request.query_params and not inside else [ENTRY])
    return JSONResponse({"error": "Entry not found"}, status_code=404, headers={"X-Error-Code": "EntryNotFound"})


async def _paths_info(request: Request) -> JSONResponse:
    paths = (await request.form()).getlist("paths") or (await request.json())["paths"]
    folder = {"type": "directory", "path": "spot", "oid": COMMIT}
    return JSONResponse([{"spot": folder, NAME: ENTRY}[path] for path in paths if path in ("spot", NAME)])


def _content(request: Request) -> Response:
    headers = {"ETag": f'"{COMMIT}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
    wanted = request.headers.get("range")
    if not wanted:
        return Response(CONTENT, headers=headers)
    first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
    part = CONTENT[first : last + 1]
    headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(CONTENT)}"
    return Response(part, status_code=206, headers=headers)


@contextmanager
def hub() -> Iterator[str]:
    """A server that answers as the Hugging Face hub does for one data set."""
    info = {"id": "someone/klines", "sha": COMMIT, "siblings": [{"rfilename": NAME}]}
    app = Starlette(
        routes=[
            Route("/api/datasets/someone/klines", lambda _: JSONResponse(info)),
            Route("/api/datasets/someone/klines/revision/{revision}", lambda _: JSONResponse(info)),
            Route("/api/datasets/someone/klines/tree/{revision}{path:path}", _tree),
            Route("/api/datasets/someone/klines/paths-info/{revision}", _paths_info, methods=["POST"]),
            Route("/datasets/someone/klines/resolve/{revision}/{path:path}", _content),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    started = threading.Event()
    startup = server.startup

    async def announce(sockets: object = None) -> None:
        await startup(sockets=sockets)  # type: ignore[arg-type]
        started.set()

    server.startup = announce  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(20)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_klines_are_loaded_from_a_data_set_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    lake = Lake(str(tmp_path / "lake"))
    with hub() as endpoint:
        files = find_files(
            "hf://datasets/someone/klines", storage_options={"endpoint": endpoint, "skip_instance_cache": True}
        )
        loaded = load_history(
            files,
            HistoryRequest("BTCUSDT", "1m"),
            lake=lake,
            now=datetime(2024, 9, 1, tzinfo=UTC),
            progress=lambda _: None,
        )

    assert [file.name for file in files] == ["klines.csv"]
    assert loaded.rows_by_day == {date(2024, 8, 5): 1440}
