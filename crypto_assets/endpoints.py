"""Where everything listens: what a variable names, else what runs embedded in `DATA_DIR`, else Binance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from crypto_assets.access import Brokers, KafkaAccess, Registry, Secret
from crypto_assets.config import Exchange, Settings
from crypto_assets.errors import ConfigurationError

type Service = Literal["postgres", "redis", "kafka", "hdfs", "s3", "redshift", "simulator", "sheets"]

STARTED_BY: Mapping[Service, str] = {"hdfs": "datanode", "s3": "s3", "redshift": "redshift", "sheets": "sheets"}
"""The name that `make up` starts a service by, of those that it does not start unasked."""
BUCKET = "crypto-assets"
"""Bucket that the embedded S3 server begins with."""

GOOGLE_SHEETS_URL = "https://sheets.googleapis.com"

PROCESS_FILE = "process.json"
"""Holds in the folder of an embedded service the record of the process started last, until it is stopped."""

_decoder = msgspec.json.Decoder(dict[str, str])


class ProcessRecord(msgspec.Struct, frozen=True):
    """Which process was started; the number alone may have been given to another one since."""

    pid: int
    created: float
    """Start of the process in seconds since 1970, as the system tells it."""
    ports: dict[str, int] = {}
    """What it was told to listen on, by purpose."""


@dataclass(frozen=True, slots=True)
class ExchangeUrls:
    """Base URLs of one exchange."""

    archive: str
    spot_rest: str
    futures_rest: str
    spot_ws: str
    """`/ws` and `/stream` follow."""
    futures_ws: str
    """`/public/…` and `/market/…` follow."""
    captures: str | None


BINANCE = ExchangeUrls(
    archive="https://data.binance.vision",
    spot_rest="https://api.binance.com",
    futures_rest="https://fapi.binance.com",
    spot_ws="wss://stream.binance.com:9443",
    futures_ws="wss://fstream.binance.com",
    captures=None,
)


@dataclass(frozen=True, slots=True)
class S3Endpoint:
    """A server of the S3 protocol and the keys to it; None means AWS itself, and credentials as boto3 finds them."""

    url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    region: str | None = None

    @property
    def storage_options(self) -> dict[str, object] | None:
        """The same for fsspec's file system of S3; None leaves it to find AWS itself."""
        if self.url is None:
            return None
        client = {"endpoint_url": self.url, "region_name": self.region}
        return {"client_kwargs": client, "key": self.access_key, "secret": self.secret_key}


def exchange_name(settings: Settings) -> str:
    """How rows, topics and tables name the exchange they came from: binance, replay or simulator-<seed>."""
    if settings.exchange is Exchange.SIMULATOR:
        return f"simulator-{settings.simulator_seed}"
    return settings.exchange.value


def kafka_servers(settings: Settings) -> str:
    """Addresses of Kafka, with what to show there (`access.kafka_options` makes a client's options of them).

    Raises ConfigurationError where none is named and none runs embedded.
    """
    if settings.kafka_bootstrap_servers is None:
        return _running(settings, "kafka", "KAFKA_BOOTSTRAP_SERVERS")["url"]
    return Brokers(settings.kafka_bootstrap_servers, _kafka_access(settings))


def schema_registry(settings: Settings) -> str | None:
    """URL of the schema registry, with what to show there (see `access.registry_options`); None where none is used."""
    if settings.schema_registry_url is None:
        return None
    return Registry(
        settings.schema_registry_url,
        username=settings.schema_registry_username,
        password=_secret(settings.schema_registry_password),
        ca_file=settings.schema_registry_ca_file,
    )


def redis_url(settings: Settings) -> str:
    """URL of Redis, with its password; raises ConfigurationError like `kafka_servers`."""
    return _revealed(settings.redis_url) or _running(settings, "redis", "REDIS_URL")["url"]


def postgres_url(settings: Settings) -> str:
    """URL of PostgreSQL, `postgresql://user:password@host:port/database`; raises ConfigurationError likewise."""
    return _revealed(settings.postgres_url) or _running(settings, "postgres", "POSTGRES_URL")["url"]


@dataclass(frozen=True, slots=True)
class SheetsEndpoint:
    """A spreadsheet, where its API is, and how to sign in."""

    spreadsheet: str
    api: str
    key_file: Path | None
    key_json: SecretStr | None
    page: str
    """Where people see it."""
    is_google: bool


def sheets_endpoint(settings: Settings) -> SheetsEndpoint:
    """The spreadsheet of GOOGLE_SHEETS_ID, else that of the stand-in; raises ConfigurationError where neither is."""
    if settings.google_sheets_id:
        return SheetsEndpoint(
            spreadsheet=settings.google_sheets_id,
            api=settings.google_sheets_url or GOOGLE_SHEETS_URL,
            key_file=settings.google_application_credentials,
            key_json=settings.google_service_account_json,
            page=f"https://docs.google.com/spreadsheets/d/{settings.google_sheets_id}",
            is_google=True,
        )
    local = _running(settings, "sheets", "GOOGLE_SHEETS_ID")
    return SheetsEndpoint(
        spreadsheet=local["spreadsheet"],
        api=local["url"],
        key_file=Path(local["key_file"]),
        key_json=None,
        page=f"{local['url']}/spreadsheets/d/{local['spreadsheet']}",
        is_google=False,
    )


def hdfs_url(settings: Settings) -> str:
    """The file system, `hdfs://host:port`: the one of `LANDING_URI`, else the embedded one; raises likewise."""
    landing = urlsplit(settings.landing_uri or "")
    if landing.scheme == "hdfs" and landing.netloc:
        return f"hdfs://{landing.netloc}"
    return _running(settings, "hdfs", "LANDING_URI")["url"]


def landing_uri(settings: Settings) -> str:
    """Where one-second archives land: `LANDING_URI`, else `/landing` of the embedded HDFS; raises likewise."""
    return settings.landing_uri or f"{hdfs_url(settings)}/landing"


def s3_endpoint(settings: Settings) -> S3Endpoint:
    """The server that holds the warehouse's files: AWS where `WAREHOUSE_S3_URI` is set, else the embedded one."""
    if settings.warehouse_s3_uri:
        return S3Endpoint()
    found = _running(settings, "s3", "WAREHOUSE_S3_URI")
    return S3Endpoint(found["url"], found["access_key"], found["secret_key"], found["region"])


def warehouse_s3_uri(settings: Settings) -> str:
    """Bucket and prefix of the warehouse's files: `WAREHOUSE_S3_URI`, else those on the embedded server."""
    return settings.warehouse_s3_uri or f"s3://{BUCKET}/warehouse"


def warehouse_url(settings: Settings) -> str:
    """URL of Redshift, or of its stand-in: `postgresql://user:password@host:port/database`; raises likewise."""
    return _revealed(settings.warehouse_url) or _running(settings, "redshift", "WAREHOUSE_URL")["url"]


def exchange_urls(settings: Settings, *, embedded: Mapping[str, str] | None = None) -> ExchangeUrls:
    """Where the exchange is; `embedded` is a local server's `url` and `streams`, by default the one of `make up`.

    Raises ConfigurationError where a local server is needed and none runs.
    """
    if settings.exchange is Exchange.BINANCE:
        usual = BINANCE
    else:
        local = _local_exchange(settings) if embedded is None else embedded
        http, streams = local.get("url", ""), local.get("streams", "")
        usual = ExchangeUrls(http, http, http, streams, streams, f"{http}/recordings" if http else None)
    return ExchangeUrls(
        archive=settings.binance_archive_url or usual.archive,
        spot_rest=settings.binance_spot_rest_url or usual.spot_rest,
        futures_rest=settings.binance_futures_rest_url or usual.futures_rest,
        spot_ws=settings.binance_spot_ws_url or usual.spot_ws,
        futures_ws=settings.binance_futures_ws_url or usual.futures_ws,
        captures=settings.capture_uri or usual.captures,
    )


def exchange_is_named(settings: Settings) -> bool:
    """Whether the settings say where all of the exchange is, so that no local one has to serve."""
    return all(
        (
            settings.binance_archive_url,
            settings.binance_spot_rest_url,
            settings.binance_futures_rest_url,
            settings.binance_spot_ws_url,
            settings.binance_futures_ws_url,
        )
    )


def missing_for_streams(settings: Settings) -> list[Service]:
    """Services that the market stream needs, and that neither run embedded nor are named by a variable."""
    named: Mapping[Service, object] = {
        "kafka": settings.kafka_bootstrap_servers,
        "redis": settings.redis_url,
        "postgres": settings.postgres_url,
    }
    return [name for name in named if named[name] is None and embedded_endpoint(settings.data_dir, name) is None]


def service_folder(data_dir: Path, service: str) -> Path:
    """Where an embedded service keeps what it needs."""
    return data_dir / "services" / service


def write_endpoint(data_dir: Path, service: Service, addresses: Mapping[str, str]) -> None:
    """Say where a service listens (`url`, of some also more, such as keys); readable by this user only."""
    path = _endpoint_file(data_dir, service)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    publish_private(path, msgspec.json.encode(dict(addresses)))


def publish_private(path: Path, content: bytes) -> None:
    """Write a file for this user only, whole or not at all; its folder has to be there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)


def remove_endpoint(data_dir: Path, service: Service) -> None:
    """Say that a service listens nowhere."""
    _endpoint_file(data_dir, service).unlink(missing_ok=True)


def embedded_endpoint(data_dir: Path, service: Service) -> dict[str, str] | None:
    """Where a service was last said to listen; None where it was stopped, or never started."""
    try:
        return _decoder.decode(_endpoint_file(data_dir, service).read_bytes())
    except FileNotFoundError:
        return None


def _local_exchange(settings: Settings) -> Mapping[str, str]:
    return {} if exchange_is_named(settings) else _running(settings, "simulator", "the BINANCE_* URLs")


def _running(settings: Settings, service: Service, variable: str) -> dict[str, str]:
    found = embedded_endpoint(settings.data_dir, service)
    if found is None:
        name = STARTED_BY.get(service)
        command = f'make up ARGS="{name}"' if name else "make up"
        raise ConfigurationError(
            f"No {service} runs for {settings.data_dir}. Start the embedded one with `{command}`, or name yours in "
            f"{variable}."
        )
    return found


def _endpoint_file(data_dir: Path, service: Service) -> Path:
    return service_folder(data_dir, service) / "endpoint.json"


def _kafka_access(settings: Settings) -> KafkaAccess:
    return KafkaAccess(
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
        settings.kafka_sasl_username,
        _secret(settings.kafka_sasl_password),
        settings.kafka_ssl_ca_file,
        settings.kafka_ssl_certificate_file,
        settings.kafka_ssl_key_file,
        _secret(settings.kafka_ssl_key_password),
    )


def _secret(given: SecretStr | None) -> Secret | None:
    return Secret(given.get_secret_value()) if given else None


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
