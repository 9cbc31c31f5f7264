"""What `make bench` measures: every measure with what it is divided by, and its aim.

A measure's name begins with that of the part that takes it: parts run apart, each in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

type Better = Literal["lower", "higher"]
type Kind = Literal["ratio", "difference", "figure"]


@dataclass(frozen=True, slots=True)
class Part:
    """Measures that share what has to be prepared for them."""

    name: str
    doing: str
    module: str
    rounds: int
    """How often each measure is taken."""
    expected_s: float
    """How long it takes on two cores."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure that the bench prints."""

    name: str
    what: str
    unit: str
    """Of what was measured on either side; a ratio of the two has none."""
    beside: str = ""
    """What it is divided by, or taken from; empty for a figure of its own."""
    kind: Kind = "figure"
    better: Better = "lower"
    aim: float | None = None

    @property
    def part(self) -> str:
        """Name of the part that takes it."""
        return self.name.partition(".")[0]

    @property
    def unit_of_value(self) -> str:
        """Unit of the figure: none of a ratio."""
        return "" if self.kind == "ratio" else self.unit

    def value(self, ours: float, beside: float | None) -> float:
        """The figure of one round; `beside` is not looked at where nothing is measured beside it."""
        if self.kind == "figure" or beside is None:
            return ours
        return ours / beside if self.kind == "ratio" else ours - beside


PARTS = (
    Part("imports", "Loading the code location", "bench.parts.imports", 9, 50),
    Part("simulator", "Days of the simulated market", "bench.parts.simulator", 9, 20),
    Part("features", "Cleaning and features of a simulated day", "bench.parts.features", 15, 90),
    Part("month", "A month of candles in one run", "bench.parts.month", 4, 300),
    Part("flush", "A day of order books from Kafka", "bench.parts.flush", 5, 300),
    Part("collector", "The collector on recordings", "bench.parts.collector", 5, 480),
    Part("processor", "From event to PostgreSQL", "bench.parts.processor", 4, 620),
    Part("warehouse", "A day of a million trades to facts", "bench.parts.warehouse_day", 6, 240),
    Part("copy", "COPY from S3", "bench.parts.warehouse_copy", 6, 240),
    Part("fanout", "A month spread over Spark", "bench.parts.fanout", 5, 300),
    Part("query", "A year of features in SQL", "bench.parts.query", 9, 60),
    Part("dashboard", "Pages in a browser", "bench.parts.dashboard", 5, 240),
    Part("training", "Fitting a network", "bench.parts.training", 4, 360),
)


def _ratio(
    name: str, what: str, beside: str, *, unit: str = "s", aim: float | None = None, better: Better = "lower"
) -> Measure:
    return Measure(name, what, unit, beside=beside, kind="ratio", aim=aim, better=better)


_EVENT = "event to committed row at"
_PLAIN = "the same of a plain consumer that decodes and writes"
_FIT = "`model.fit` on arrays that lie ready"
_LOADER = "`model.fit` through `timeseries_dataset_from_array`"

MEASURES = (
    Measure("imports.more", "loading `crypto_assets.definitions`", "s", "`import dagster`", kind="difference", aim=1.0),
    Measure("simulator.tape", "processor time of a day's trades of one symbol", "s", aim=2.0),
    Measure("simulator.klines", "processor time of its 1m candles, once the trades are there", "s", aim=1.0),
    _ratio("simulator.memory", "memory after 60 days", "memory after 20 days", unit="MB", aim=1.1),
    _ratio(
        "features.silver_candles",
        "a day of silver candles, files to file",
        "bare Polars: read, validate, write",
        unit="ms",
        aim=3,
    ),
    _ratio(
        "features.silver_books",
        "a day of silver order books, files to file",
        "bare Polars: read, validate, write",
        unit="ms",
        aim=3,
    ),
    _ratio(
        "features.gold_candles",
        "features of a day's candles",
        "the pandas-ta calls that they have there, joined to the minutes",
        unit="ms",
        aim=2,
    ),
    _ratio("features.gold_calls", "features of a day's candles", "those calls alone, joined to nothing", unit="ms"),
    _ratio(
        "features.gold_day",
        "a day of gold with every feature, files to file",
        "candles read, pandas-ta called, joined, written",
        unit="ms",
        aim=2,
    ),
    Measure("features.gold_time", "a day of gold with every feature, files to file", "ms", aim=1_000),
    Measure("month.start", "a run from zips to gold over its first day, with its start", "s"),
    Measure("month.day", "each further day of a month in one run", "s", aim=0.6),
    Measure("month.memory", "most memory of a run over a month", "MB", aim=1_500),
    _ratio("month.growth", "most memory of a run over 31 days", "over 8 days", unit="MB", aim=1.1),
    _ratio("flush.time", "864,000 order books from Kafka to bronze", "pyarrow writing the same rows from memory"),
    _ratio("flush.cpu", "their processor time", "that of pyarrow"),
    _ratio("flush.size", "their files", "that of pyarrow", unit="MB"),
    Measure("flush.memory", "most memory of that flush", "MB", aim=1_000),
    Measure("flush.five_minutes", "3,000 order books, as a sensor asks for them", "s"),
    _ratio(
        "collector.bare",
        "messages a CPU-second of the collector",
        "a bare loop of the same libraries",
        unit="/s",
        better="higher",
        aim=0.7,
    ),
    _ratio(
        "collector.cryptofeed",
        "messages a CPU-second of the collector, best prices",
        "cryptofeed with its own Kafka backend",
        unit="/s",
        better="higher",
        aim=2,
    ),
    _ratio(
        "collector.parser",
        "messages a CPU-second of the collector, best prices",
        "cryptofeed's parser with our producer",
        unit="/s",
        better="higher",
    ),
    _ratio(
        "collector.pace",
        "messages a second over a minute",
        "10,000 a second, as sent",
        unit="/s",
        better="higher",
        aim=0.95,
    ),
    _ratio(
        "collector.lag",
        "time to Kafka's answer in the last third of that minute",
        "in its first third",
        unit="ms",
        aim=2,
    ),
    Measure("processor.p50_500", f"{_EVENT} 500 messages a second, median", "ms", aim=200),
    Measure("processor.p99_500", f"{_EVENT} 500 messages a second, 99th percentile", "ms", aim=400),
    Measure("processor.p99_2000", f"{_EVENT} 2,000 messages a second, 99th percentile", "ms", aim=1_200),
    _ratio("processor.p50_500_bare", f"{_EVENT} 500 messages a second, median", _PLAIN, unit="ms"),
    _ratio("processor.p99_500_bare", f"{_EVENT} 500 messages a second, 99th percentile", _PLAIN, unit="ms"),
    _ratio("processor.p99_2000_bare", f"{_EVENT} 2,000 messages a second, 99th percentile", _PLAIN, unit="ms"),
    Measure("processor.memory", "memory of the processor, Python and Java", "MB"),
    _ratio(
        "warehouse.spark",
        "a day of 1,000,000 trades from PostgreSQL to facts",
        "bare PySpark of the same logic",
        aim=1.25,
    ),
    _ratio("warehouse.spark_cpu", "its processor time", "that of bare PySpark"),
    _ratio("warehouse.polars", "a day of 1,000,000 trades from PostgreSQL to facts", "Polars alone on one connection"),
    _ratio("warehouse.polars_cpu", "its processor time", "that of Polars"),
    _ratio("copy.psycopg", "COPY of 1,000,000 facts from S3", "psycopg's COPY of the same rows as text", aim=1.5),
    _ratio("fanout.spark", "30 days of gold spread over Spark", "bare PySpark of the same function", aim=1.25),
    _ratio("fanout.one_process", "30 days of gold spread over Spark", "one process"),
    Measure("fanout.start", "start of Spark and its Python processes", "s"),
    Measure("query.year", "a year of gold by month, `crypto-assets query`", "s", aim=1.0),
    _ratio("query.year_duckdb", "a year of gold by month, `crypto-assets query`", "bare DuckDB over the files"),
    _ratio("query.week_duckdb", "a week of that year", "bare DuckDB over the files"),
    Measure("dashboard.first_page", "first visit: the page's heading", "s", aim=2),
    Measure("dashboard.first_number", "first visit: a live price", "s"),
    Measure("dashboard.next_page", "another visit of that browser: heading", "s", aim=2),
    Measure("dashboard.next_number", "another visit of that browser: a live price", "s"),
    Measure("dashboard.refresh", "processor time of a refreshed part", "ms", aim=20),
    _ratio("dashboard.memory", "memory of the server while 1,000 parts are refreshed", "before", unit="MB", aim=1.1),
    _ratio("training.fit", "windows learnt a second", _FIT, unit="/s", better="higher", aim=0.8),
    _ratio("training.fit_cpu", "processor time of an epoch", _FIT, aim=1.25),
    _ratio("training.loader", "windows learnt a second", _LOADER, unit="/s", better="higher", aim=1),
    _ratio("training.fit_memory", "memory over the imports", _FIT, unit="MB", aim=1),
    _ratio("training.loader_memory", "memory over the imports", _LOADER, unit="MB", aim=1),
    Measure("training.forecast", "forecast of one window, 99th percentile", "ms", aim=50),
    _ratio("training.forecast_keras", "forecast of one window, 99th percentile", "`model.predict`", unit="ms"),
    _ratio("training.gpu", "windows learnt a second on a GPU", "on the processors", unit="/s", better="higher", aim=1),
)


def measures_of(part: str) -> tuple[Measure, ...]:
    """What a part takes, in the order of the table."""
    return tuple(measure for measure in MEASURES if measure.part == part)
