"""A server of the S3 protocol, S3Proxy, whose objects are files in `DATA_DIR`: they outlive it.

An object is a file of its key's name in its bucket's folder, as in each of the ways in which S3Proxy keeps objects on a
disk. So of two keys `x` and `x/y` the second to come is refused with status 500, where AWS takes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from crypto_assets.endpoints import BUCKET
from crypto_assets.errors import ServiceFailed
from resources.services.jars import fetch_jars
from resources.services.process import Launch
from resources.services.service import HOST, Running, Service, http_url

ACCESS_KEY = "crypto-assets"
REGION = "us-east-1"
MEMORY = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
type S3Client = Any
"""boto3 makes its clients from descriptions, when they are asked for: they have no class to name."""
ANSWER_S = 5.0
MINE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")

# With a relative folder S3Proxy stores, but lists nothing.
S3PROXY_PROPERTIES = """\
s3proxy.endpoint=http://{host}:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={access_key}
s3proxy.credential={secret_key}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={data}
"""

LOGBACK = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z',UTC} %p %m \\(%c{0}\\)%n</pattern></encoder>
  </appender>
  <root level="warn"><appender-ref ref="OUT"/></root>
</configuration>
"""


class S3(Service):
    """A server that only this machine reaches, with one key that was drawn for it, known to `endpoints.s3_endpoint`."""

    name = "s3"
    purposes = ("port",)
    named_by = "warehouse_s3_uri"
    endpoint = "s3"
    jars = "s3"
    start_s = 120.0
    look_every_s = 0.25

    def answers_elsewhere(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        place = urlsplit(self.settings.warehouse_s3_uri or "")
        if place.scheme != "s3":
            return True
        try:
            with closing(_client()) as client:
                client.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/"), MaxKeys=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def prepare(self) -> Iterator[str]:
        (self.folder.path / "data").mkdir(mode=0o700, exist_ok=True)
        yield from ()

    def launch(self, ports: Mapping[str, int]) -> Launch:
        secret = self.folder.secret("secret_key")
        text = S3PROXY_PROPERTIES.format(
            host=HOST,
            port=ports["port"],
            access_key=ACCESS_KEY,
            secret_key=secret,
            data=_property(str(self.folder.path / "data")),
        )
        self.folder.write("s3proxy.properties", text)
        self.folder.write("logback.xml", LOGBACK)
        java = self.context.java_home() / "bin" / "java"
        options = (*MEMORY, "-Dlogback.configurationFile=logback.xml")
        command = (java, *options, "-jar", *fetch_jars("s3"), "--properties", "s3proxy.properties")
        return Launch(command, self.bare_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with closing(self._client(running.ports)) as client:
                client.list_buckets()  # another server would not know the key
        except (BotoCoreError, ClientError):
            return False
        return True

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        keys = {"access_key": ACCESS_KEY, "secret_key": self.folder.secret("secret_key"), "region": REGION}
        return {"url": http_url(ports), **keys}

    def publish(self, ports: Mapping[str, int]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with closing(self._client(ports)) as client:
                _make_bucket(client)
        except (BotoCoreError, ClientError) as error:
            raise ServiceFailed(f"its bucket {BUCKET} cannot be made: {error}") from error
        super().publish(ports)

    def address(self) -> str:
        address = super().address()
        return f"{address}/{BUCKET}" if address else ""

    def _client(self, ports: Mapping[str, int]) -> S3Client:
        return _client(
            endpoint_url=http_url(ports),
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.folder.secret("secret_key"),
            region_name=REGION,
        )


def _client(**given: Any) -> S3Client:
    import boto3
    from botocore.config import Config

    limits = Config(
        connect_timeout=2, read_timeout=ANSWER_S, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    return boto3.client("s3", config=limits, **given)


def _make_bucket(client: S3Client) -> None:
    from botocore.exceptions import ClientError

    try:
        client.create_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in MINE:
            raise


def _property(text: str) -> str:
    """A value as Java's files of properties, which know ASCII only, write it: in UTF-16, escaped."""
    units = text.encode("utf-16-be").hex()
    codes = (int(units[place : place + 4], 16) for place in range(0, len(units), 4))
    return "".join(chr(code) if 32 < code < 127 and chr(code) != "\\" else f"\\u{code:04x}" for code in codes)
