"""`crypto-assets query`: the answer as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io

from crypto_assets_tests.cli.conftest import Command

COUNT = (
    "SELECT symbol, count(*) AS days FROM (SELECT DISTINCT symbol, date FROM gold_features) GROUP BY ALL ORDER BY ALL"
)


def test_an_answer_is_a_table(run: Command) -> None:
    done = run("query", COUNT)
    assert [line.split() for line in done.out.splitlines()] == [["symbol", "days"], ["BTCUSDT", "3"], ["ETHUSDT", "1"]]
    assert (done.status, done.err) == (0, "")


def test_an_answer_is_json_with_exact_prices_and_utc_times(run: Command) -> None:
    sql = "SELECT open_time, close, NULL AS nothing FROM silver_klines_1m ORDER BY open_time LIMIT 2"
    assert run("query", sql, "--json").json == [
        {"open_time": "2024-08-01T00:00:00Z", "close": "0E-8", "nothing": None},
        {"open_time": "2024-08-01T00:01:00Z", "close": "1.00000000", "nothing": None},
    ]


def test_an_answer_is_csv_with_a_header(run: Command) -> None:
    sql = "SELECT open_time, 'a, \"b\"' AS text, NULL AS nothing FROM silver_klines_1m ORDER BY open_time LIMIT 1"
    rows = list(csv.reader(io.StringIO(run("query", sql, "--csv").out)))
    assert rows == [["open_time", "text", "nothing"], ["2024-08-01 00:00:00Z", 'a, "b"', ""]]


def test_no_rows_are_an_answer_too(run: Command) -> None:
    sql = "SELECT symbol FROM gold_features WHERE symbol = 'XRPUSDT'"
    assert (run("query", sql).out.split(), run("query", sql).err) == (["symbol"], "No rows.\n")
    assert run("query", sql, "--json").json == []
    assert run("query", sql, "--csv").out == "symbol\n"


def test_a_long_table_is_cut_and_says_so(run: Command) -> None:
    done = run("query", "SELECT * FROM range(60)")
    assert len(done.out.splitlines()) == 51
    assert "The first 50 rows; there are more." in done.err
    assert len(run("query", "SELECT * FROM range(60)", "--rows", "0").out.splitlines()) == 61
    exact = run("query", "SELECT * FROM range(60)", "--rows", "60")
    assert (len(exact.out.splitlines()), exact.err) == (61, "")
    assert len(run("query", "SELECT * FROM range(60)", "--json").json) == 60


def test_a_query_may_come_from_standard_input(run: Command) -> None:
    assert run("query", "-", "--json", given="SELECT 1 AS one").json == [{"one": 1}]


def test_a_mistake_is_a_sentence_and_status_2(run: Command) -> None:
    done = run("query", "SELECT rsi FROM gold_features")
    assert (done.status, done.out) == (2, "")
    assert 'column "rsi" not found' in done.err
    assert len(done.err.splitlines()) == 1


def test_a_query_changes_nothing(run: Command) -> None:
    done = run("query", "COPY (SELECT 1) TO 'new.csv'")
    assert done.status == 2
    assert "changes nothing" in done.err


def test_two_forms_at_once_are_refused(run: Command) -> None:
    assert run("query", "SELECT 1", "--json", "--csv").status == 2


def test_a_table_of_the_warehouse_without_its_store_is_told_with_what_to_run(run: Command) -> None:
    done = run("query", "SELECT * FROM fact_trades")
    assert done.status == 1
    assert "make up" in done.err
