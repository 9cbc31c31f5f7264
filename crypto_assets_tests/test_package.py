"""The package that an install puts elsewhere: it holds every file that the code beside it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from crypto_assets_tests.test_house import ROOT, tracked_files

PACKAGES = ("crypto_assets", "resources", "sensors")


def test_an_installed_package_has_all_its_files(tmp_path: Path) -> None:
    built = tmp_path / "built"
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "-q"]
    command += ["egg_info", f"--egg-base={tmp_path}", "build_py", f"--build-lib={built}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {path.relative_to(ROOT) for path in tracked_files()}
    expected = {path for path in expected if path.parts[0] in PACKAGES}
    assert Path("resources", "services", "redshift_standin", "schema.sql") in expected
    assert sorted(path for path in expected if not (built / path).is_file()) == []
    assert [path for path in built.iterdir() if path.name not in PACKAGES] == []
