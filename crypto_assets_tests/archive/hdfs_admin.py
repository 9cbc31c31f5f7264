"""What an administrator does to an HDFS, by Hadoop's own program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyspark

from resources.services.jars import fetch_jars
from resources.services.java import java_command

MAIN = "org.apache.hadoop.hdfs.tools.DFSAdmin"


def dfsadmin(hdfs: str, *arguments: str) -> str:
    """What `hdfs dfsadmin` prints; fails with what it complains of."""
    classes = [*map(str, fetch_jars("hdfs")), f"{Path(pyspark.__file__).parent}/jars/*"]
    command = [java_command(), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", ":".join(classes), MAIN, "-fs", hdfs]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
