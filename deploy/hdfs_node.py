"""One node of HDFS in a container: `python hdfs_node.py namenode|datanode [-D name=value …]`.

Hadoop's own classes from the jars that the embedded HDFS runs on, with the configuration in `hdfs/` beside this file.
An empty folder of the NameNode is formatted; one that holds anything never is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from crypto_assets.errors import ServiceFailed
from resources.services.hdfs import MAIN, DataNode, NameNode, hadoop_classes
from resources.services.java import java_command

CONFIGURATION = Path(__file__).with_name("hdfs")
CLASSES = {node.name: f"{MAIN}.{node.main}" for node in (NameNode, DataNode)}
MEMORY = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Becomes the node; returns only where it cannot."""
    if not arguments or arguments[0] not in CLASSES:
        print(f"Which node? One of {', '.join(CLASSES)}.", file=sys.stderr)
        return 2
    role, options = arguments[0], list(arguments[1:])
    data = Path(environment.get("DATA_DIR", "/data"))
    try:
        command = node_command(role, options, data=data)
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        return 1
    if role == "namenode" and not (data / "name" / "current" / "VERSION").is_file():
        done = subprocess.run([*command, "-format", "-nonInteractive"], check=False)
        if done.returncode:
            print(f"{data}/name cannot be formatted, and what it holds is left as it is.", file=sys.stderr)
            return done.returncode
    os.execv(command[0], command)
    return 0  # not reached: this process is the node now


def node_command(role: str, options: Sequence[str], *, data: Path) -> list[str]:
    """The command of a node whose files lie below `data`; raises ServiceFailed without Java or jars."""
    java = [str(java_command()), *MEMORY, f"-Dplatform.data={data}", "-Djava.net.preferIPv4Stack=true"]
    java += [f"-Dhadoop.log.dir={data}", f"-Dlog4j2.configurationFile={CONFIGURATION / 'log4j2.properties'}"]
    return [*java, "-cp", hadoop_classes(str(CONFIGURATION)), CLASSES[role], *options]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
