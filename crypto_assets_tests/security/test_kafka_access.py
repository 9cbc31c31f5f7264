"""Every client of Kafka gets in where it may, and says in a sentence why where it may not."""

from __future__ import annotations

import json
import pickle
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crypto_assets.access import Brokers, KafkaAccess, Secret, kafka_options, refused_or, spark_options
from crypto_assets.config import Settings
from crypto_assets.endpoints import kafka_servers
from crypto_assets.errors import ConfigurationError, ServiceUnavailable
from crypto_assets.postgres.connection import transaction
from crypto_assets.postgres.migrate import migrate
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import TRADES as TRADES_TABLE
from crypto_assets.spark.session import end_session
from crypto_assets.stream.avro import encode_key
from crypto_assets.stream.collector.sink import producer_settings
from crypto_assets.stream.collector.topic_care import TopicCare
from crypto_assets.stream.consuming import read_to_the_ends
from crypto_assets.stream.lag import read_offsets
from crypto_assets.stream.processor.checkpoint import Topics
from crypto_assets.stream.processor.session import read_messages
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import PREDICTIONS, TICKERS
from crypto_assets.warehouse.extract import facts_from_postgres
from crypto_assets_tests.databases import EXCHANGE, trade_row
from crypto_assets_tests.security.conftest import PLAIN, SCRAM
from crypto_assets_tests.security.secure_kafka import SecureKafka
from crypto_assets_tests.security.tls import Authority
from resources.spark import start_batch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2024, 8, 8)
LetIn = Callable[..., Settings]


@pytest.fixture(params=["SCRAM-SHA-512", "PLAIN", "certificate"])
def way_in(request: pytest.FixtureRequest, let_in: LetIn, locked: SecureKafka, authority: Authority) -> str:
    """Addresses with each way to be let in."""
    ways: dict[str, dict[str, object]] = {
        "SCRAM-SHA-512": {},
        "PLAIN": {"kafka_sasl_mechanism": "PLAIN", "kafka_sasl_password": PLAIN},
        "certificate": {
            "kafka_bootstrap_servers": locked.certificates,
            "kafka_security_protocol": "SSL",
            "kafka_sasl_username": None,
            "kafka_sasl_password": None,
            "kafka_ssl_certificate_file": authority.certificate,
            "kafka_ssl_key_file": authority.key,
        },
    }
    return kafka_servers(let_in(**ways[request.param]))


def test_topics_are_made_written_and_read_over_tls(way_in: str) -> None:
    TopicCare(way_in, EXCHANGE).ensure()
    name = PREDICTIONS.of(EXCHANGE)
    producer = Producer(producer_settings(way_in))
    value = uuid.uuid4().bytes
    producer.produce(name, value, b"key")
    assert producer.flush(20) == 0
    assert [message.value() for message in read_to_the_ends(way_in, "test", {name: 1})][-1] == value
    assert read_offsets(way_in, [name])[name].messages >= 1
    assert Topics(way_in, [name]).ids() is not None
    assert refused_or(way_in, "let in") == "let in"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"kafka_sasl_password": "let me in"}, "does not take this user. See KAFKA_SASL_USERNAME"),
        ({"kafka_sasl_mechanism": "PLAIN"}, "does not take this user. See KAFKA_SASL_USERNAME"),
        ({"kafka_ssl_ca_file": "stranger"}, "No encrypted connection to Kafka comes about. See KAFKA_SSL_CA_FILE"),
    ],
)
def test_who_is_not_let_in_is_told_why_and_no_secret_is_shown(
    wrong: dict[str, object], sentence: str, let_in: LetIn, stranger: Authority
) -> None:
    given = {**wrong, **({"kafka_ssl_ca_file": stranger.ca} if "kafka_ssl_ca_file" in wrong else {})}
    servers = kafka_servers(let_in(**given))
    with pytest.raises(ServiceUnavailable) as refused:
        LiveTopics(servers, EXCHANGE).state(TICKERS)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    for secret in ("let me in", SCRAM, PLAIN):
        assert secret not in f"{refused.value!r} {servers!r} {servers}"


def test_a_file_that_is_not_there_is_named(let_in: LetIn, tmp_path: Path) -> None:
    servers = kafka_servers(let_in(kafka_ssl_ca_file=tmp_path / "lost.pem"))
    for options in (kafka_options, spark_options):
        with pytest.raises(ConfigurationError, match=r"KAFKA_SSL_CA_FILE names .*lost\.pem, and there is no such file"):
            options(servers)


def test_spark_reads_kafka_and_postgres_over_tls(
    encrypted: Callable[[Authority], str], authority: Authority, stranger: Authority, let_in: LetIn
) -> None:
    settings = let_in(spark_tasks=1)
    servers, url = kafka_servers(settings), encrypted(authority)
    migrate(url)
    with transaction(url) as connection:
        noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
        upsert_rows(connection, TRADES_TABLE, [trade_row(number, at=noon) for number in (1, 2)])
    TopicCare(servers, EXCHANGE).ensure()
    producer = Producer(producer_settings(servers))
    producer.produce(TICKERS.of(EXCHANGE), b"seen by Spark", encode_key("BTCUSDT"))
    assert producer.flush(20) == 0
    session = start_batch(settings)
    try:
        assert _values(session, servers) == [b"seen by Spark"]
        made = facts_from_postgres(lambda: session, url, exchange=EXCHANGE, day=DAY)
        assert made.trades == 2
        with pytest.raises(ServiceUnavailable):
            facts_from_postgres(lambda: session, encrypted(stranger), exchange=EXCHANGE, day=DAY)
        assert SCRAM not in json.dumps(dict(session.sparkContext.getConf().getAll()))
    finally:
        end_session()


def _values(session: SparkSession, servers: str) -> list[bytes]:
    messages = read_messages(session, servers=servers, topics=[TICKERS.of(EXCHANGE)], at_most=None)
    query = messages.writeStream.format("memory").queryName("seen").trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    return [bytes(row.value) for row in session.sql("SELECT value FROM seen").collect()]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"kafka_sasl_username": "u", "kafka_sasl_password": "hidden"}, "nobody signs in: choose SASL_SSL"),
        ({"kafka_ssl_key_file": "key.pem"}, "belong together: set both or none"),
        ({"kafka_security_protocol": "TLS"}, "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ({"kafka_sasl_mechanism": "GSSAPI"}, "'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'"),
        ({"schema_registry_url": "https://u:hidden@registry.example"}, "belong into SCHEMA_REGISTRY_USERNAME"),
    ],
)
def test_settings_that_would_not_do_what_they_say_are_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(given)
    told = " ".join(each["msg"] for each in refused.value.errors())
    assert sentence in told
    assert "hidden" not in told


@given(password=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_password_for_java_is_one_text_whatever_it_holds(password: str) -> None:
    servers = Brokers("kafka:9092", KafkaAccess("SASL_SSL", "PLAIN", "u", Secret(password)))
    login = spark_options(servers)["kafka.sasl.jaas.config"]
    quoted = login.removesuffix(";").partition(" password=")[2]
    assert quoted[0] == quoted[-1] == '"'
    inside = quoted[1:-1]
    assert inside.replace("\\\\", "").replace('\\"', "").count('"') == 0
    assert inside.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\") == password


def test_addresses_take_what_goes_with_them_to_another_process_and_never_show_it() -> None:
    servers = Brokers("kafka:9092", KafkaAccess("SASL_SSL", "PLAIN", "u", Secret("hidden")))
    assert kafka_options(pickle.loads(pickle.dumps(servers)))["sasl.password"] == "hidden"
    assert "hidden" not in f"{servers} {servers!r} {servers.access!r} {servers.access}"
    assert kafka_options("kafka:9092") == {"bootstrap.servers": "kafka:9092", "log_level": 0}


def test_no_module_makes_a_client_of_kafka_by_itself() -> None:
    root = Path(__file__).resolve().parents[2]
    modules = [path for top in ("crypto_assets", "resources", "sensors") for path in (root / top).rglob("*.py")]
    allowed = {root / "crypto_assets" / "access.py", root / "resources" / "services" / "kafka.py"}
    named = [path.name for path in modules if path not in allowed and '"bootstrap.servers"' in path.read_text()]
    assert named == []
