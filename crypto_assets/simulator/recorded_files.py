"""Recorded files, handed out as they are: `archive/data/…` and `recordings/…` of a folder."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.replies import not_found


class RecordedFiles:
    """Serves the files of a folder as they are; what is not there is 404."""

    def __init__(self, folder: Path) -> None:
        if not any((folder / part).is_dir() for part in ("archive", "recordings")):
            raise ConfigurationError(f"{folder} cannot be replayed: it holds neither archive/ nor recordings/")
        self._archive = (folder / "archive" / "data").resolve()
        self._recordings = (folder / "recordings").resolve()

    def routes(self) -> list[Route]:
        """Addresses of archive and captures."""
        return [
            Route("/data/{rest:path}", lambda request: self._answer(request, self._archive), methods=["GET"]),
            Route("/recordings/{rest:path}", lambda request: self._answer(request, self._recordings), methods=["GET"]),
        ]

    def _answer(self, request: Request, root: Path) -> Response:
        rest = request.path_params["rest"]
        path = (root / rest).resolve() if rest.isprintable() else root
        if not path.is_relative_to(root) or not path.is_file():
            return not_found(request.url.path.lstrip("/"))
        return FileResponse(path, media_type="application/octet-stream")
