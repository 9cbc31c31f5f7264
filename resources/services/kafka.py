"""Apache Kafka: one KRaft node from Maven's jars, without the scripts of its distribution."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from crypto_assets.errors import ServiceFailed
from resources.services.jars import fetch_jars
from resources.services.java import LOG4J
from resources.services.packages import spark_jars
from resources.services.process import Launch, run_to_end
from resources.services.service import HOST, Running, Service, accepts

FROM_SPARK = ("scala-library", "jackson-", "log4j-", "slf4j-api", "lz4-java", "zstd-jni", "snappy-java")
"""Of its libraries, those that PySpark brings."""
MEMORY = ("-Xms384m", "-Xmx384m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")

# Paths are relative to the service's folder: a list is split at commas, and this file knows Latin-1 only.
# No flush setting: what was written outlives a killed broker in the system's page cache.
SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs=logs
auto.create.topics.enable=false
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=129600
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
log.message.timestamp.type=CreateTime
log.segment.bytes=134217728
log.roll.ms=3600000
log.retention.hours=168
log.cleaner.dedupe.buffer.size=33554432
"""
# Segments are closed after an hour: neither retention nor compaction touches the one that is written.

LOGGERS = """\
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
logger.log.name=org.apache.kafka.storage.internals.log.LogManager
logger.log.level=info
"""


class Kafka(Service):
    """A broker without passwords that only this machine reaches, known to `endpoints.kafka_servers`."""

    name = "kafka"
    purposes = ("port", "controller")
    named_by = "kafka_bootstrap_servers"
    endpoint = "kafka"
    jars = "kafka"
    grace_s = 30.0
    start_s = 120.0

    def answers_elsewhere(self) -> bool:
        addresses = (self.settings.kafka_bootstrap_servers or "").split(",")
        places = [address.strip().rpartition(":") for address in addresses]
        return any(accepts(int(port), host=host) for host, _, port in places if port.isdigit())

    def prepare(self) -> Iterator[str]:
        cluster = self._cluster_id()
        if not self._is_formatted():
            self._write_configuration(self.folder.ports(self.purposes))
            tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", "server.properties")
            launch = Launch(self._java(*tool), self.bare_environment(), self.folder.path)
            if status := (yield from run_to_end(launch, self.folder, doing="making its log")):
                raise ServiceFailed(f"its log cannot be made: the program for it ended with status {status}")

    def launch(self, ports: Mapping[str, int]) -> Launch:
        self._write_configuration(ports)
        command = self._java(*MEMORY, "kafka.Kafka", "server.properties")
        return Launch(command, self.bare_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if not accepts(running.ports["port"]):
            return False
        admin = AdminClient({"bootstrap.servers": f"{HOST}:{running.ports['port']}", "log_level": 0})
        try:
            cluster = admin.list_topics(timeout=2)
        except KafkaException:
            return False
        return str(cluster.cluster_id) == self._cluster_id() and bool(cluster.brokers)

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {"url": f"{HOST}:{ports['port']}"}

    def _cluster_id(self) -> str:
        return self.folder.remembered("cluster_id", draw=draw_cluster_id)

    def _is_formatted(self) -> bool:
        logs = self.folder.path / "logs"
        return (logs / "meta.properties").is_file() and (logs / "__cluster_metadata-0").is_dir()

    def _write_configuration(self, ports: Mapping[str, int]) -> None:
        self.folder.write("server.properties", SERVER_PROPERTIES.format(host=HOST, **ports))
        self.folder.write("log4j2.properties", LOG4J + LOGGERS)

    def _java(self, *arguments: str) -> tuple[str | Path, ...]:
        java = self.context.java_home() / "bin" / "java"
        jars = [*fetch_jars("kafka"), *spark_libraries()]
        return (java, "-Dlog4j2.configurationFile=log4j2.properties", "-cp", ":".join(map(str, jars)), *arguments)


def spark_libraries() -> list[Path]:
    """Those jars of PySpark that Kafka uses too."""
    return sorted(path for path in spark_jars().glob("*.jar") if path.name.startswith(FROM_SPARK))


def draw_cluster_id(draw: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """A new id in Kafka's own form; none that begins with a dash, which Kafka's tool would take for an option."""
    while (text := base64.urlsafe_b64encode(draw().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
