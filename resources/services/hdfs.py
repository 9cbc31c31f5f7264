"""HDFS: the NameNode and DataNode of Hadoop's own jar, without the scripts of its distribution."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, override
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import httpx

from crypto_assets.errors import ServiceFailed
from resources.services.folder import ServiceFolder
from resources.services.jars import fetch_jars
from resources.services.java import LOG4J
from resources.services.packages import spark_jars
from resources.services.process import Launch, run_to_end
from resources.services.service import HOST, Context, Running, Service, accepts, ask

DEFAULT_PORT = 8020
"""Where a NameNode listens whose address names no port."""
MEMORY = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
MAIN = "org.apache.hadoop.hdfs.server"
JMX_S = 2.0
NAMENODE_PORTS = ("port", "http")
DATANODE_PORTS = ("data", "http", "ipc")

# Paths are relative to the service's folder: a list of them is split at commas.
# A DataNode counts as dead after 2 * recheck + 10 * heartbeat = 30 s, not the 10 minutes of a cluster's default.
CORE: Mapping[str, str] = {"fs.defaultFS": f"hdfs://{HOST}:{{port}}", "hadoop.tmp.dir": "tmp"}
NAMENODE: Mapping[str, str] = {
    "dfs.replication": "1",
    "dfs.namenode.name.dir": "data",
    "dfs.namenode.rpc-bind-host": HOST,
    "dfs.namenode.http-address": f"{HOST}:{{http}}",
    "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    "dfs.namenode.safemode.min.datanodes": "1",
    "dfs.namenode.safemode.extension": "0",
    "dfs.namenode.heartbeat.recheck-interval": "10000",
    "dfs.heartbeat.interval": "1",
    "dfs.webhdfs.enabled": "true",
}
DATANODE: Mapping[str, str] = {
    "dfs.replication": "1",
    "dfs.datanode.data.dir": "data",
    "dfs.datanode.hostname": HOST,
    "dfs.datanode.address": f"{HOST}:{{data}}",
    "dfs.datanode.http.address": f"{HOST}:{{http}}",
    "dfs.datanode.ipc.address": f"{HOST}:{{ipc}}",
    "dfs.heartbeat.interval": "1",
}


class HdfsNode(Service):
    """What the two have in common: Hadoop's jar, a folder `data`, and beans that tell how it is."""

    named_by = "landing_uri"
    jars = "hdfs"
    start_s = 120.0
    grace_s = 30.0
    look_every_s = 0.25
    main: ClassVar[str]

    def answers_elsewhere(self) -> bool:
        place = urlsplit(self.settings.landing_uri or "")
        if place.scheme != "hdfs":
            return True
        return accepts(place.port or DEFAULT_PORT, host=place.hostname or HOST)

    def launch(self, ports: Mapping[str, int]) -> Launch:
        return Launch(self._command(ports, f"{MAIN}.{self.main}"), self.bare_environment(), self.folder.path)

    @abstractmethod
    def configuration(self, ports: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
        """What stands in core-site.xml and in hdfs-site.xml."""

    def _command(self, ports: Mapping[str, int], *arguments: str) -> tuple[str | Path, ...]:
        core, hdfs = self.configuration(ports)
        self.folder.write("core-site.xml", _site(core))
        self.folder.write("hdfs-site.xml", _site(hdfs))
        self.folder.write("log4j2.properties", LOG4J)
        java = self.context.java_home() / "bin" / "java"
        options = (*MEMORY, "-Dhadoop.log.dir=tmp", "-Djava.net.preferIPv4Stack=true")
        options += ("-Dlog4j2.configurationFile=log4j2.properties",)
        return (java, *options, "-cp", hadoop_classes("."), *arguments)


class NameNode(HdfsNode):
    """Names, folders and who holds which block, known to `endpoints.hdfs_url`; of use with a DataNode only."""

    name = "namenode"
    endpoint = "hdfs"
    purposes = NAMENODE_PORTS
    main = "namenode.NameNode"

    def configuration(self, ports: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
        return _filled(CORE, ports), _filled(NAMENODE, ports)

    def prepare(self) -> Iterator[str]:
        """Format once: what is there is never formatted again, as every block would be lost."""
        data = self.folder.path / "data"
        if self.folder.read("formatted") is not None:
            if (data / "current" / "VERSION").is_file():
                return
            raise ServiceFailed(
                f"{data} held a file system and does not any more. It is not made anew, as all in HDFS would be lost: "
                f"put it back from a backup, or remove {self.folder.path} and the datanode's folder beside it to begin "
                "with an empty one."
            )
        shutil.rmtree(data, ignore_errors=True)  # of a start that was killed
        command = self._command(self.folder.ports(self.purposes), f"{MAIN}.{self.main}", "-format", "-nonInteractive")
        launch = Launch(command, self.bare_environment(), self.folder.path)
        if status := (yield from run_to_end(launch, self.folder, doing="making its file system")):
            raise ServiceFailed(f"its file system cannot be made: the program for it ended with status {status}")
        self.folder.write("formatted", "")

    def is_ready(self, running: Running) -> bool:
        http = running.ports["http"]
        started = _bean(http, "Hadoop:service=NameNode,name=NameNodeInfo") is not None
        return started and _is_process(http, running.pid)

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {"url": f"hdfs://{HOST}:{ports['port']}", "http": f"http://{HOST}:{ports['http']}"}


class DataNode(HdfsNode):
    """The blocks. It is ready once the NameNode knows every block that it holds, and takes new ones."""

    name = "datanode"
    needs = ("namenode",)
    purposes = DATANODE_PORTS
    main = "datanode.DataNode"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namenode = ServiceFolder.of(context.settings.data_dir, "namenode")

    def configuration(self, ports: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
        return _filled(CORE, self._namenode.known_ports()), _filled(DATANODE, ports)

    @override
    def is_ready(self, running: Running) -> bool:
        if not _is_process(running.ports["http"], running.pid):
            return False
        state = self._of_namenode("FSNamesystemState")
        # After a restart of the NameNode it counts as alive some seconds before it has told of its disks: until then
        # no block can be placed.
        takes_blocks = state is not None and state["NumLiveDataNodes"] >= 1 and state["CapacityTotal"] > 0
        return takes_blocks and self._safe_mode() == ""

    def waits_for(self) -> str:
        return self._safe_mode() or ""

    def _safe_mode(self) -> str | None:
        """Why the NameNode takes no change yet, empty where it does; None where it does not answer."""
        info = self._of_namenode("NameNodeInfo")
        return None if info is None else str(info["Safemode"])

    def _of_namenode(self, bean: str) -> dict[str, Any] | None:
        record = self._namenode.record
        return None if record is None else _bean(record.ports["http"], f"Hadoop:service=NameNode,name={bean}")


def hadoop_classes(configuration: str) -> str:
    """Java's class path of HDFS with a folder of configuration before it; raises ServiceFailed without the jars."""
    return ":".join([configuration, *map(str, fetch_jars("hdfs")), f"{spark_jars()}/*"])


def _filled(properties: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    return {name: value.format_map(ports) for name, value in properties.items()}


def _site(properties: Mapping[str, str]) -> str:
    lines = (f"  <property><name>{name}</name><value>{escape(v)}</value></property>" for name, v in properties.items())
    return "\n".join(('<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""))


def _is_process(http: int, pid: int) -> bool:
    """Whether this process and no other serves there; a runtime's name is `pid@host`."""
    runtime = _bean(http, "java.lang:type=Runtime")
    return runtime is not None and str(runtime["Name"]).startswith(f"{pid}@")


def _bean(http: int, name: str) -> dict[str, Any] | None:
    """What a node tells of itself; None where it does not, or not yet."""
    try:
        answer = ask(f"http://{HOST}:{http}/jmx", timeout_s=JMX_S, qry=name)
        beans = answer.json()["beans"] if answer.is_success else []
    except (httpx.TransportError, ValueError):
        return None
    return beans[0] if beans else None
