"""Pages of `docs/reference`, written from the code that they describe."""

from __future__ import annotations

import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.environment import ROOT
from tools.markdown import cell, table

if TYPE_CHECKING:
    import dagster as dg

SQL = ROOT / "crypto_assets" / "sql"
WRITTEN_BY = "Written by `make docs` from {}."


def configuration_page(rows: str) -> str:
    """The variables, as the README has them."""
    return (
        "# Configuration\n\n"
        f"{WRITTEN_BY.format('`crypto_assets/config.py`')} Environment variables, or lines of a file `.env` in the "
        "project's folder; each has a default that serves the run on one machine.\n\n"
        f"{rows}"
    )


def assets_page() -> str:
    """Every asset by group, with what it is made from and its checks; then what starts them."""
    from crypto_assets.definitions import defs

    definitions = defs()
    specs = sorted(definitions.resolve_all_asset_specs(), key=lambda spec: (spec.group_name, _name(spec.key)))
    checks = _checks(definitions)
    lines = [
        "# Assets",
        "",
        WRITTEN_BY.format("`crypto_assets.definitions`") + " `day × symbol` is a partition such as "
        "`2024-08-05|BTCUSDT`, `day` one such as `2024-08-05`; days are UTC's.",
        "",
        "![The asset graph](../graph.svg)",
        "",
    ]
    groups: dict[str, list[dg.AssetSpec]] = defaultdict(list)
    for spec in specs:
        groups[spec.group_name or ""].append(spec)
    for group, members in groups.items():
        lines += [f"## Group {group}", ""]
        for spec in members:
            lines += _asset_lines(spec, checks[_name(spec.key)])
    return "\n".join([*lines, *_starters(definitions)])


def _name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def _checks(definitions: dg.Definitions) -> dict[str, list[dg.AssetCheckSpec]]:
    import dagster as dg

    found: dict[str, list[dg.AssetCheckSpec]] = defaultdict(list)
    declared = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    for definition in (*declared, *(definitions.asset_checks or ())):
        for spec in definition.check_specs:
            found[_name(spec.asset_key)].append(spec)
    return found


def _asset_lines(spec: dg.AssetSpec, checks: Iterable[dg.AssetCheckSpec]) -> Iterator[str]:
    yield f"### {_name(spec.key)}"
    yield ""
    yield (spec.description or "").strip()
    yield ""
    yield f"- Partition: {_partition(spec)}"
    if spec.deps:
        yield "- Made from: " + ", ".join(sorted(f"`{_name(dep.asset_key)}`" for dep in spec.deps))
    for label, name in (("Path", "path"), ("Table", "dagster/table_name"), ("Topic", "topic")):
        if name in spec.metadata:
            yield f"- {label}: `{_text(spec.metadata[name])}`"
    if "key" in spec.metadata:
        yield f"- Key: `{_text(spec.metadata['key'])}`"
    if spec.automation_condition is not None:
        yield "- Runs by itself when what it is made from has changed"
    yield ""
    rows = [(f"`{check.name}`", "yes" if check.blocking else "", cell(check.description or "")) for check in checks]
    if rows:
        yield from table(("check", "blocks", "what holds"), rows)


def _partition(spec: dg.AssetSpec) -> str:
    import dagster as dg

    match spec.partitions_def:
        case None:
            return "none"
        case dg.MultiPartitionsDefinition():
            return "day × symbol"
        case _:
            return "day"


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))


def _starters(definitions: dg.Definitions) -> Iterator[str]:
    """Jobs, schedules and sensors."""
    import dagster as dg

    jobs = sorted(definitions.jobs or (), key=lambda job: job.name)
    yield "## Jobs"
    yield ""
    yield "`dagster job execute -m crypto_assets.definitions -j NAME`, with the tag that its line names."
    yield ""
    yield from table(("job", "what it does"), [(f"`{job.name}`", cell(job.description or "")) for job in jobs])
    schedules = [s for s in definitions.schedules or () if isinstance(s, dg.ScheduleDefinition)]
    yield "## Schedules"
    yield ""
    yield from table(
        ("schedule", "cron, UTC", "what it starts"),
        [(f"`{s.name}`", f"`{s.cron_schedule}`", cell(s.description or f"`{s.job_name}`")) for s in schedules],
    )
    yield "## Sensors"
    yield ""
    yield from table(
        ("sensor", "looks every", "at what"),
        [
            (f"`{s.name}`", f"{s.minimum_interval_seconds} s", cell(s.description or ""))
            for s in definitions.sensors or ()
        ],
    )


def avro_page() -> str:
    """Each schema of a topic's values, with what each field says."""
    folder = ROOT / "crypto_assets" / "stream" / "schemas"
    lines = [
        "# Avro schemas",
        "",
        WRITTEN_BY.format("`crypto_assets/stream/schemas/`") + " Values of the Kafka topics `<exchange>.<name>`; the "
        "key is the symbol, an Avro string. [live.md](../live.md) says which stream fills which topic, how values are "
        "framed, and how long they are kept.",
        "",
    ]
    for path in sorted(folder.glob("*.avsc")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(schema, dict):
            lines += [f"## {path.stem}", "", f"{schema.get('doc', '')}", ""]
            rows = [(f"`{f['name']}`", cell(_avro_type(f["type"])), cell(f.get("doc", ""))) for f in schema["fields"]]
            lines += table(("field", "type", "meaning"), rows)
    return "\n".join(lines)


def _avro_type(kind: Any) -> str:  # noqa: PLR0911  a form of schema a line
    """Type of a field as a person says it: `timestamp-micros, or null`."""
    match kind:
        case str():
            return kind
        case [*options]:
            named = [_avro_type(option) for option in options if option != "null"]
            return ", or ".join([*named, *(["null"] if "null" in options else [])])
        case {"logicalType": logical}:
            return logical
        case {"type": "array", "items": items}:
            return f"array of {_avro_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_avro_type(values)}"
        case {"type": "enum", "symbols": symbols}:
            return f"one of {', '.join(symbols)}"
        case {"type": "record", "fields": fields}:
            return "record of " + ", ".join(f"{field['name']} ({_avro_type(field['type'])})" for field in fields)
        case {"type": inner}:
            return _avro_type(inner)
        case _:
            raise ValueError(f"no words for the Avro type {kind!r}")


def sql_page() -> str:
    """Tables and procedures of PostgreSQL, Redshift and Hive, as they are executed."""
    lines = [
        "# SQL",
        "",
        WRITTEN_BY.format("`crypto_assets/sql/` and the schemas of tables"),
        "",
        "## PostgreSQL",
        "",
        "Migrations make these; `python -m resources.services up` and every program run them first.",
        "",
    ]
    for revision, title, names in _migrations():
        lines += [f"### {revision}: {title}", ""]
        for name in names:
            lines += _sql_block((SQL / "postgres" / f"{name}.sql").read_text(encoding="utf-8"))
    return "\n".join([*lines, *_redshift_lines(), *_hive_lines()])


def _migrations() -> Iterator[tuple[str, str, list[str]]]:
    """Revision, title and files of each migration, first to last."""
    for path in sorted((ROOT / "crypto_assets" / "postgres" / "migrations" / "versions").glob("r*.py")):
        text = path.read_text(encoding="utf-8")
        title = re.match(r'"""(.*?)\.?"""', text)
        names = re.findall(r'"(\w+)"', text.partition("execute_files(")[2])
        if title is None or not names:
            raise ValueError(f"{path.name} has no title or executes no files")
        yield path.stem[1:5], title[1], names


def _redshift_lines() -> Iterator[str]:
    from crypto_assets.warehouse.ddl import create_table, statement
    from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES

    yield "## Redshift"
    yield ""
    yield "A load makes what is not there. Columns are those of the Parquet files; see [datasets.md](../datasets.md)."
    yield ""
    for declared in (FACT_TRADES, DIM_TIME, DIM_SYMBOL):
        yield from _sql_block(create_table(declared))
    yield from _sql_block(statement("create_warehouse_loads"))


def _hive_lines() -> Iterator[str]:
    from crypto_assets.share.hive import DATABASE, columns_of
    from crypto_assets.share.tables import PRICE_AGGREGATES

    places: Mapping[str, str] = {
        "database": DATABASE,
        "table": f"{DATABASE}.{PRICE_AGGREGATES.name}",
        "columns": columns_of(PRICE_AGGREGATES),
        "comment": "'…'",
        "location": f"'<lake>/share/{PRICE_AGGREGATES.name}'",
    }
    yield "## Hive"
    yield ""
    for name in ("create_database", "create_table"):
        yield from _sql_block((SQL / "hive" / f"{name}.hql").read_text(encoding="utf-8").format(**places))


def _sql_block(text: str) -> Iterator[str]:
    yield "```sql"
    yield text.rstrip()
    yield "```"
    yield ""


def reference_pages(configuration_rows: str) -> dict[Path, str]:
    """What each page must hold, by path. Definitions are those of the defaults and of this environment."""
    folder = ROOT / "docs" / "reference"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's, of parts that may still change; the code location says so once
        return {
            folder / "assets.md": assets_page(),
            folder / "avro.md": avro_page(),
            folder / "configuration.md": configuration_page(configuration_rows),
            folder / "sql.md": sql_page(),
        }
