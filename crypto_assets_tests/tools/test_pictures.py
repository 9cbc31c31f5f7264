"""Pictures for the documents show what they are meant to, or are not taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from tools import pictures
from tools.browser import find_browser
from tools.pictures import FOLDER, MOST_BYTES, SHOTS, NotShown, Shot, take

PARTITION = "2024-08-05|BTCUSDT"
PAGE = "<h1>Days</h1><div style='width:1200px;height:400px;background:linear-gradient(90deg,red,blue)'></div>"
LATE = "<script>setTimeout(() => document.querySelector('p').append('2024-08-05|BTCUSDT'), 300)</script>"

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium: `python -m tools.browser` installs one")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A page that shows its partition a moment after it was opened."""
    (tmp_path / "days.html").write_text(f"<body>{PAGE}<p></p></body>{LATE}")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@needs_browser
def test_a_picture_is_taken_once_the_page_shows_the_day_and_has_few_bytes(url: str, tmp_path: Path) -> None:
    shot = Shot("days", "days.html", ("Days", "{partition}"), size=(1200, 500))
    (path,) = take(url, partition=PARTITION, folder=tmp_path / "pictures", shots=[shot])
    assert path.name == "days.png"
    with Image.open(path) as picture:
        assert picture.size == shot.size
        assert 50 < len(picture.getcolors(256) or []) <= 256
    assert path.stat().st_size < MOST_BYTES


@needs_browser
def test_a_page_without_what_is_to_be_shown_gives_no_picture(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "SHOWN_WITHIN_MS", 300)
    absent = Shot("absent", "days.html", ("there is no such text",))
    with pytest.raises(NotShown, match=r"does not show 'there is no such text'. Materialise 2024-08-05\|BTCUSDT first"):
        list(take(url, partition=PARTITION, folder=tmp_path / "pictures", shots=[absent]))
    assert list((tmp_path / "pictures").iterdir()) == []


@needs_browser
def test_a_picture_that_is_too_large_is_not_kept(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 1_000)
    with pytest.raises(NotShown, match="more than 1,000: show less of the page"):
        list(take(url, partition=PARTITION, folder=tmp_path / "pictures", shots=[Shot("days", "days.html", ("Days",))]))
    assert list((tmp_path / "pictures").iterdir()) == []


@needs_browser
def test_a_page_that_nobody_serves_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotShown, match="Is `make ui` running"):
        list(take("http://127.0.0.1:9", partition=PARTITION, folder=tmp_path, shots=SHOTS[:1]))


def test_pictures_of_the_documents_are_small_and_those_that_the_command_takes() -> None:
    kept = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert {name for name in kept if name.startswith("dagster-")} == {shot.name for shot in SHOTS}
    assert {name: size for name, size in kept.items() if size > MOST_BYTES} == {}
