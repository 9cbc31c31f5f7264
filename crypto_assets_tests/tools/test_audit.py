"""The lock is held to its word: all pinned, all hashed, all installed, and nothing else."""

from __future__ import annotations

import pytest

from tools.audit import LOCK, differing, loose, main, read_lock

HASH = f"    --hash=sha256:{'a' * 64}"


def test_the_lock_of_the_project_is_pinned_hashed_and_installed() -> None:
    lock = read_lock(LOCK.read_text(encoding="utf-8"))
    assert len(lock) > 100
    assert list(loose(lock)) == []
    assert list(differing(lock)) == []


def test_what_is_not_pinned_or_not_hashed_is_named() -> None:
    lock = read_lock(f"pinned==1.0 \\\n{HASH} \\\n{HASH}\n    # via other\nopen \\\n{HASH}\nbare==2.0\n")
    assert [each.hashes for each in lock] == [2, 1, 0]
    assert list(loose(lock)) == ["open is not pinned to one version", "bare has no hash"]


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        ({"one": "1.0"}, []),
        ({"one": "1.1"}, ["one 1.1, the lock has 1.0"]),
        ({}, ["one is not installed, the lock has 1.0"]),
        ({"one": "1.0", "other": "3"}, ["other 3 is installed, and not in the lock"]),
        ({"one": "1.0", "pip": "25", "crypto-assets": "0.1"}, []),
    ],
)
def test_another_version_than_that_of_the_lock_is_named(installed: dict[str, str], told: list[str]) -> None:
    lock = read_lock(f"One==1.0 \\\n{HASH}\nfar==2.0 ; sys_platform == 'win32' \\\n{HASH}\n")
    assert list(differing(lock, installed=installed)) == told


@pytest.mark.parametrize(
    "line", ["--index-url https://elsewhere.example", "git+https://host.example/a.git", "a @ file:///tmp/a.whl"]
)
def test_a_line_that_could_install_anything_is_not_stepped_over(line: str) -> None:
    with pytest.raises(ValueError, match="what is this line"):
        read_lock(f"one==1.0 \\\n{HASH}\n{line}\n")


def test_a_weak_hash_is_none() -> None:
    with pytest.raises(ValueError, match="what is this line"):
        read_lock("one==1.0 \\\n    --hash=md5:d41d8cd98f00b204e9800998ecf8427e\n")


def test_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--offline" in capsys.readouterr().out
