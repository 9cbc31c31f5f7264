"""Settings: the environment and `.env`, read once at the edge and handed on as values."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crypto_assets.access import KafkaProtocol, SaslMechanism
from crypto_assets.errors import ConfigurationError
from crypto_assets.identifiers import is_symbol, shown

SHEET_TIMEFRAMES = ("1m", "5m", "1h", "1d")


class Exchange(StrEnum):
    """Where market data comes from."""

    SIMULATOR = "simulator"
    REPLAY = "replay"
    BINANCE = "binance"


class Engine(StrEnum):
    """What runs the pure partition functions."""

    LOCAL = "local"
    SPARK = "spark"


class WarehouseSource(StrEnum):
    """Where the trades of facts are read from."""

    POSTGRES = "postgres"
    LAKE = "lake"


def _split(value: object) -> object:
    return [part for part in "".join(value.split()).split(",") if part] if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Every variable the platform reads; the defaults serve a run on one machine with nothing installed.

    A field's description is the text of the README's configuration table.
    """

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    exchange: Exchange = Field(
        Exchange.SIMULATOR, description="Where data comes from: `simulator`, `replay` or `binance`."
    )
    replay_uri: str | None = Field(
        None, description="With `EXCHANGE=replay`: a folder holding `archive/data/…` and `recordings/…`."
    )
    symbols: CommaSeparated = Field(("BTCUSDT", "ETHUSDT", "BNBUSDT"), description="Symbols, separated by commas.")
    partitions_start: date = Field(
        date(2023, 1, 1), description="First day that has a partition; 2017-08-17 is the earliest."
    )
    data_dir: Path = Field(Path(".data"), description="Folder of everything that the embedded run keeps.")
    lake_uri: str | None = Field(None, description="Lake: a folder, `s3://…` or `hdfs://…`. Default `$DATA_DIR/lake`.")
    landing_uri: str | None = Field(None, description="Landing zone of one-second archives on HDFS.")
    landing_replication: int | None = Field(
        None,
        ge=1,
        le=512,
        description="Copies that HDFS keeps of a landed file; unset leaves it to HDFS: 1 on the embedded one.",
    )
    checkpoints_uri: str | None = Field(None, description="Model checkpoints. Default `ckpts` in the lake.")
    forecast_days: int = Field(
        30, ge=1, le=3_650, description="Days of features that a model is trained on, with the day of its partition."
    )
    binance_archive_url: str | None = Field(
        None, description="Base URL of the archive: `https://`, `http://` or `file://`."
    )
    binance_spot_rest_url: str | None = Field(None, description="Base URL of the spot REST API.")
    binance_futures_rest_url: str | None = Field(None, description="Base URL of the USD-M REST API.")
    binance_spot_ws_url: str | None = Field(None, description="Base URL of the spot WebSocket streams.")
    binance_futures_ws_url: str | None = Field(None, description="Base URL of the USD-M WebSocket streams.")
    capture_uri: str | None = Field(
        None, description="Folder or URL of capture files, `{spot,usdm}/<symbol>_<yyyymmdd>.gz`."
    )
    simulator_seed: int = Field(7, description="Seed of the simulated market.")
    simulator_speed: float = Field(
        1.0, gt=0, description="How many times faster than the clock the simulated market streams."
    )
    kafka_bootstrap_servers: str | None = Field(None, description="Kafka brokers; unset starts an embedded one.")
    kafka_security_protocol: KafkaProtocol = Field(
        "PLAINTEXT",
        description="How `KAFKA_BOOTSTRAP_SERVERS` are spoken to: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.",
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        "SCRAM-SHA-512", description="How the user signs in: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."
    )
    kafka_sasl_username: str | None = Field(None, description="User of Kafka, where the protocol has SASL.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Its password.")
    kafka_ssl_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the brokers' certificates; unset takes the system's."
    )
    kafka_ssl_certificate_file: Path | None = Field(
        None, description="PEM file of the client's own certificate, where the brokers want one."
    )
    kafka_ssl_key_file: Path | None = Field(None, description="PEM file of its key, PKCS#8.")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="Password of that key, where it has one.")
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible schema registry; unset uses the project's `.avsc` files."
    )
    schema_registry_username: str | None = Field(None, description="User of the schema registry.")
    schema_registry_password: SecretStr | None = Field(None, description="Its password.")
    schema_registry_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the registry's certificate; unset takes the system's."
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis, with TLS `rediss://…?ssl_ca_certs=FILE`; unset starts an embedded one."
    )
    postgres_url: SecretStr | None = Field(
        None,
        description="PostgreSQL, with TLS `…?sslmode=verify-full&sslrootcert=FILE`; unset starts an embedded one.",
    )
    warehouse_url: SecretStr | None = Field(None, description="Redshift; unset starts the PostgreSQL stand-in.")
    warehouse_s3_uri: str | None = Field(None, description="Bucket and prefix of warehouse files.")
    warehouse_source: WarehouseSource = Field(
        WarehouseSource.POSTGRES,
        description="Where the trades of facts are read from: `postgres` (`trades`) or `lake` (`bronze_trades`).",
    )
    redshift_iam_role: str | None = Field(None, description="Role that Redshift's COPY assumes.")
    spark_remote: str | None = Field(
        None,
        description="Spark Connect address (`sc://…`) or a master's URL (`spark://…`, `yarn`, `k8s://…`); unset runs "
        "Spark in the process.",
    )
    spark_memory: str = Field(
        "1g", pattern=r"^[1-9]\d*[mg]$", description="Memory of Spark's Java, driver and each executor: `512m`, `4g`."
    )
    spark_tasks: int | None = Field(
        None, ge=1, description="Most tasks of Spark at once on this machine; unset takes one a core."
    )
    spark_ui: bool = Field(False, description="Whether Spark serves its own web page.")
    hive_metastore_uri: str | None = Field(
        None, description="Hive's metastore, `thrift://…`; unset keeps one in Derby below `DATA_DIR`."
    )
    engine: Engine = Field(Engine.LOCAL, description="What runs partition functions: `local` or `spark`.")
    accept_checksum_mismatch: Annotated[frozenset[str], NoDecode, BeforeValidator(_split)] = Field(
        frozenset(),
        description="Archive file names whose wrong published checksum is accepted, separated by commas.",
    )
    bronze_retention_days: int = Field(
        7,
        ge=0,
        description="Days that bronze is kept for at least; it is deleted only once its silver is complete and "
        "verified. `0` keeps it for ever.",
    )
    google_sheets_id: str | None = Field(
        None,
        description="Google spreadsheet that aggregates are shared in; unset uses a stand-in on this machine.",
    )
    google_sheets_url: str | None = Field(None, description="Base URL of the Sheets API. Default Google's.")
    google_application_credentials: Path | None = Field(
        None, description="Key file of the service account that the spreadsheet is shared with, as editor."
    )
    google_service_account_json: SecretStr | None = Field(
        None, description="The content of that key file, in place of the file."
    )
    sheet_timeframes: CommaSeparated = Field(
        ("1h", "1d"),
        description="Windows that the spreadsheet gets, of `1m,5m,1h,1d`: 1,440, 288, 24 and 1 rows a day of a symbol.",
    )
    sheet_keep_days: int | None = Field(
        None,
        ge=1,
        description="Days that rows of windows shorter than an hour stay in the spreadsheet; older ones are deleted "
        "unless somebody wrote right of them. Unset keeps all.",
    )
    dagster_url: str = Field(
        "http://127.0.0.1:3000", description="Where Dagster's page is, for links to assets and runs."
    )
    alert_webhook_url: SecretStr | None = Field(
        None, description="Where alerts are posted as JSON that Slack reads: `https://…` of an incoming webhook."
    )
    alert_smtp_url: SecretStr | None = Field(
        None,
        description="Server that alerts are mailed through, `smtp://user:password@host:587` (STARTTLS) or "
        "`smtps://…:465`; without user and password a plain relay will do.",
    )
    alert_email_from: str | None = Field(None, description="Sender of alerts by e-mail, one address.")
    alert_email_to: CommaSeparated = Field((), description="Receivers of alerts by e-mail, separated by commas.")
    metrics_host: str = Field("127.0.0.1", description="Address that programs serve Prometheus metrics at.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of these metrics; `0`, or one that is taken, gives a free one."
    )
    stream_managed: bool = Field(
        True, description="Whether the `market_stream` sensor starts collector, processor and forecaster itself."
    )

    @field_validator("sheet_timeframes")
    @classmethod
    def _check_timeframes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value) or not set(value) <= set(SHEET_TIMEFRAMES):
            raise ValueError(
                f"SHEET_TIMEFRAMES must be distinct ones of {','.join(SHEET_TIMEFRAMES)}; got {','.join(value)!r}"
            )
        return value

    @field_validator("symbols")
    @classmethod
    def _check_symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value) or not all(map(is_symbol, value)):
            raise ValueError(
                "SYMBOLS must be distinct symbols of 2 to 20 capital letters and digits, such as BTCUSDT,ETHUSDT; got "
                f"{shown(','.join(value))}"
            )
        return value

    @field_validator("partitions_start")
    @classmethod
    def _check_start(cls, value: date) -> date:
        if value < date(2017, 8, 17):
            raise ValueError("PARTITIONS_START is before 2017-08-17, the exchange's first day of klines")
        return value

    # Absolute, because programs that are handed the settings run in other folders.

    @field_validator(
        "data_dir", "kafka_ssl_ca_file", "kafka_ssl_certificate_file", "kafka_ssl_key_file", "schema_registry_ca_file"
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().resolve()

    @field_validator("replay_uri", "lake_uri", "landing_uri", "checkpoints_uri", "capture_uri")
    @classmethod
    def _absolute_folder(cls, value: str | None) -> str | None:
        return str(cls._absolute(Path(value))) if value and "://" not in value else value

    @field_validator("google_sheets_id")
    @classmethod
    def _check_spreadsheet(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"[\w-]+", value, re.ASCII):
            raise ValueError(
                "GOOGLE_SHEETS_ID is the part of a spreadsheet's address between /d/ and the next slash; got "
                f"{shown(value)}"
            )
        return value

    @field_validator("schema_registry_url")
    @classmethod
    def _refuse_password(cls, value: str | None) -> str | None:
        if value and "@" in value:
            raise ValueError("user and password belong into SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD")
        return value

    @model_validator(mode="after")
    def _check_sasl(self) -> Self:
        signs_in = self.kafka_security_protocol.startswith("SASL")
        named = self.kafka_sasl_username is not None and self.kafka_sasl_password is not None
        if signs_in and not named:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL {self.kafka_security_protocol} needs KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD"
            )
        if named and not signs_in:
            raise ValueError(
                "KAFKA_SASL_USERNAME is set, and with KAFKA_SECURITY_PROTOCOL "
                f"{self.kafka_security_protocol} nobody signs in: choose SASL_SSL"
            )
        if (self.kafka_ssl_certificate_file is None) != (self.kafka_ssl_key_file is None):
            raise ValueError("KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE belong together: set both or none")
        return self

    @property
    def lake(self) -> str:
        """URI of the lake, `LAKE_URI` or the folder `lake` in `DATA_DIR`."""
        return self.lake_uri or str(self.data_dir / "lake")

    @property
    def checkpoints(self) -> str:
        """URI of the models, `CHECKPOINTS_URI` or `ckpts` in the lake."""
        return self.checkpoints_uri or f"{self.lake.rstrip('/')}/ckpts"


def read_settings() -> Settings:
    """The settings of this process; raises ConfigurationError with one line for each wrong variable."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        lines = [": ".join((*(str(part).upper() for part in e["loc"]), e["msg"])) for e in error.errors()]
        raise ConfigurationError("Configuration cannot be used.\n" + "\n".join(lines)) from None
    except UnicodeDecodeError as error:  # of the file: Python takes any byte of the environment
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f".env is not UTF-8 (line {line}). Save it as UTF-8.") from None


def variables_of(settings: Settings) -> dict[str, str]:
    """The environment variables that say the same as the settings, for a program that is handed them."""
    return {name.upper(): _as_text(value) for name, value in settings if value is not None}


def _as_text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case tuple() | frozenset():
            return ",".join(sorted(value) if isinstance(value, frozenset) else value)
        case _:
            return str(value)
