"""What people read."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.alerts.alert import Notice
from crypto_assets.alerts.message import BLOCK_LIMIT, SHOWN, SUBJECT_LIMIT, as_slack, as_text, compose, escape
from crypto_assets_tests.alerts.causes import NOW, alert, notice

PAGE = "http://127.0.0.1:3000/"


def written(*notices: Notice) -> tuple[str, str]:
    """The JSON and the text of a message."""
    message = compose(notices, dagster_url=PAGE, origin="somebody's machine")
    return json.dumps(as_slack(message), ensure_ascii=False), as_text(message)


def over(number: int = 1, ending: str = "resolved", **changes: object) -> Notice:
    ended = alert(number, resolved_at=NOW + timedelta(minutes=12), count=24, **changes)
    return Notice(number, ended, ("firing", ending))  # type: ignore[arg-type]


def test_a_message_says_what_where_since_when_and_what_to_do() -> None:
    slack, text = written(notice(subject="no new bronze of BTCUSDT", severity="critical"))
    assert text == (
        "CRITICAL: no new bronze of BTCUSDT\n"
        "Little is free.\n"
        "Since 2026-03-01 12:00:00 UTC, last seen 2026-03-01 12:00:00 UTC; 1 look saw it.\n"
        "What to do: free space.\n"
        "http://127.0.0.1:3000/assets/gold_features\n\n"
        "-- \nsomebody's machine\n"
    )
    assert "<http://127.0.0.1:3000/assets/gold_features|Open in Dagster>" in slack
    assert "CRITICAL: no new bronze of BTCUSDT" in slack
    assert json.loads(slack)["text"] == f"CRITICAL: no new bronze of BTCUSDT\n\n{text}"


def test_an_end_says_how_long_it_lasted() -> None:
    _, text = written(over())
    assert text.startswith("RESOLVED: disk 1 is nearly full\nIt was: Little is free.\nFrom 2026-03-01 12:00:00 UTC to")
    assert "2026-03-01 12:12:00 UTC, 12 min; 24 looks saw it." in text
    assert "What to do" not in text


def test_what_nobody_looks_at_any_more_is_not_called_resolved() -> None:
    slack, text = written(over(ending="left"))
    assert text.startswith("NO LONGER WATCHED, not seen to end: disk 1")
    assert "RESOLVED" not in slack + text


def test_a_message_of_many_tells_the_worst_in_full_and_counts_the_rest() -> None:
    many = [over(1), *(notice(n) for n in range(2, 22)), notice(22, severity="critical")]
    slack, text = written(*many)
    assert "CRITICAL: disk 22 is" in text
    assert "RESOLVED" not in text
    assert f"and {22 - SHOWN} more (11 disk begun, 1 disk over)" in text
    assert len(json.loads(slack)["blocks"]) == SHOWN + 2
    assert json.loads(slack)["text"].startswith("CRITICAL: disk 22 is nearly full and 21 more\n")


def test_what_happened_first_stands_first() -> None:
    _, text = written(notice(1), notice(2, severity="critical"), over(3))
    assert [text.index(f"disk {n} ") for n in (1, 2, 3)] == sorted(text.index(f"disk {n} ") for n in (1, 2, 3))


def test_words_of_others_can_neither_call_a_channel_nor_forge_a_link() -> None:
    slack, _ = written(notice(sentence="<!channel> & <https://evil.example|free money>", link="/runs/a>b|c"))
    assert "<!channel>" not in slack
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|free money&gt;" in slack
    assert "<http://127.0.0.1:3000/runs/a%3Eb%7Cc|Open in Dagster>" in slack


def test_words_of_others_cannot_write_lines_of_the_log_or_colours() -> None:
    message = compose([notice(sentence="a\x1b[31mb\nERROR forged\x00\u2028c\td")], dagster_url=PAGE, origin="x")
    (item,) = message.items
    assert "\n" not in item.line
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in item.line)
    assert "a b ERROR forged c d" in " ".join(item.line.split())


def test_the_subject_is_one_line_of_bounded_length() -> None:
    message = compose(
        [notice(subject="x\r\nBcc: everybody@example.com " * 50), notice(2)], dagster_url=PAGE, origin="x"
    )
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert len(message.subject) <= SUBJECT_LIMIT
    assert message.subject.endswith(" and 1 more")


def test_the_same_notices_have_the_same_reference_and_others_another() -> None:
    def reference(*notices: Notice) -> str:
        return compose(notices, dagster_url=PAGE, origin="x").reference

    assert reference(notice(1), notice(2)) == reference(notice(1), notice(2))
    assert (
        len({reference(notice(1)), reference(notice(1), notice(2)), reference(notice(2)), reference(over(1), over(3))})
        == 4
    )


@given(sentence=st.text(max_size=5_000), subject=st.text(max_size=300), count=st.integers(1, 30))
def test_slack_takes_every_message_whatever_it_holds(sentence: str, subject: str, count: int) -> None:
    notices = [notice(n, sentence=sentence, subject=subject, advice=sentence) for n in range(count)]
    message = json.loads(written(*notices)[0])
    blocks = message["blocks"]
    assert len(blocks) <= 50
    assert len(message["text"]) <= 40_000
    for block in blocks:
        for element in block.get("elements", [block.get("text")]):
            assert 0 < len(element["text"]) <= 3_000


@given(text=st.text(), limit=st.integers(10, 40))
def test_an_escaped_text_is_never_cut_inside_an_entity(text: str, limit: int) -> None:
    found = escape(text, limit=limit)
    assert len(found) <= limit
    assert not set(found.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")) & set("&<>")


def test_a_section_leaves_room_for_its_link() -> None:
    slack, _ = written(notice(sentence="&" * 5_000, advice="&" * 5_000))
    text = json.loads(slack)["blocks"][0]["text"]["text"]
    assert len(text) <= BLOCK_LIMIT
    assert text.endswith("|Open in Dagster>")
