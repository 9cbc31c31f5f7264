"""Running a program that refuses to run as root, PostgreSQL, from a root shell such as a container's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crypto_assets.errors import ServiceFailed

NOBODY = "nobody"
PROBE_S = 30.0


@dataclass(frozen=True, slots=True)
class Way:
    """How to run the programs."""

    programs: Path
    """Folder of the programs, or of a copy that the other user may read."""
    before_exec: Callable[[], None] | None = None
    owner: int | None = None
    """User id that the files must belong to; None for one's own."""


def way_to_run(programs: Path, *, probe: str, folder: Path, data: Path) -> Way:
    """How to run programs whose working folder is `folder` and whose files are in `data`, once that is made.

    As an ordinary user: as they are. As root: in a user namespace, where root appears as somebody else and files stay
    root's; where that is forbidden, as the user nobody. Data keep the owner that they have.
    """
    if os.geteuid() != 0:
        return Way(programs)
    owner = data.stat().st_uid if data.exists() else None
    nobody = pwd.getpwnam(NOBODY)  # asked before a fork: after it, locks of other threads are held for ever
    be_nobody = partial(_be_nobody_here, nobody.pw_uid, nobody.pw_gid)
    if owner in (None, 0) and _runs(programs / probe, be_nobody, folder):
        return Way(programs, be_nobody)
    return _as_other_user(owner or nobody.pw_uid, programs, probe=probe, folder=folder)


def _as_other_user(uid: int, programs: Path, *, probe: str, folder: Path) -> Way:
    become = partial(_become, uid, _group_of(uid))
    os.chown(folder, uid, -1)
    folder.parent.chmod(0o711)  # to be passed through, not listed
    if not _runs(Path("/bin/true"), lambda: _enter(folder, become), folder):
        raise ServiceFailed(
            f"it does not run as root, and the user of id {uid} may not enter {folder}. Move DATA_DIR to a folder that "
            "everybody may enter, run it as an ordinary user, or name a server in POSTGRES_URL."
        )
    if _runs(programs / probe, become, folder):
        return Way(programs, become, uid)
    copy = folder / "programs"
    if not copy.is_dir():  # the packages lie in a folder that is closed to others, such as root's home
        unfinished = folder / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(programs.parent, unfinished, symlinks=True)
        unfinished.replace(copy)
    own = copy / programs.name
    if not _runs(own / probe, become, folder):
        raise ServiceFailed(f"its programs, copied to {copy}, do not run as the user of id {uid}.")
    return Way(own, become, uid)


def _runs(program: Path, before_exec: Callable[[], None], folder: Path) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            preexec_fn=before_exec,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):  # the kernel forbids the namespace, or the way to the program
        return False
    return done.returncode == 0


def _be_nobody_here(uid: int, gid: int) -> None:
    """Enter a user namespace in which root outside is nobody inside."""
    os.unshare(os.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} 0 1"),
        ("gid_map", f"{gid} 0 1"),
    ):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def _enter(folder: Path, become: Callable[[], None]) -> None:
    become()
    os.chdir(folder)


def _group_of(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:  # a user that this machine does not know: of a folder that another one wrote
        return uid


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
