"""Lines to columns of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.csv_rows import blank_head, find_layout, split_block
from crypto_assets.binance.typed_rows import Column
from crypto_assets.errors import BadPayload

THREE = (Column("a", "count"), Column("b", "text", ("b", "bee")), Column("c", "unused"))
LINES = st.lists(
    st.one_of(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r,"), max_size=5), min_size=1, max_size=5)
        .map(",".join)
        .map(str.encode),
        st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
    ),
    min_size=1,
    max_size=30,
)


def fields_of(line: bytes) -> list[str] | None:
    """The slow and obvious way: three fields of UTF-8, or nothing."""
    try:
        fields = line.decode().split(",")
    except UnicodeDecodeError:
        return None
    return fields if len(fields) == 3 else None


@given(lines=LINES, ends_with_line_feed=st.booleans())
def test_every_line_is_split_as_by_hand_or_named_irregular(lines: list[bytes], ends_with_line_feed: bool) -> None:
    block = b"\n".join(lines) + (b"\n" if ends_with_line_feed or not lines[-1] else b"")
    rows = split_block(block, width=3)
    expected = {i: fields for i, line in enumerate(lines) if (fields := fields_of(line)) is not None}
    found = [[field or "" for field in row] for row in rows.texts.rows()]
    assert found == list(expected.values())
    assert rows.regular.tolist() == list(expected)
    held = [i for i, line in enumerate(lines) if line.strip()]
    assert sorted([*rows.regular.tolist(), *(line for line, _ in rows.irregular)]) == held
    assert [rows.raw(line) for line in range(len(lines))] == lines


def test_line_ends_of_windows_are_no_part_of_a_value() -> None:
    rows = split_block(b"1,2,3\r\n4,5,6\r\n", width=3)
    assert rows.texts.rows() == [("1", "2", "3"), ("4", "5", "6")]
    assert rows.raw(0) == b"1,2,3"


def test_quotes_and_spaces_are_kept_as_they_are() -> None:
    rows = split_block(b'"1,2",3\n 4,5 ,6\n', width=3)
    assert rows.texts.rows() == [('"1', '2"', "3"), (" 4", "5 ", "6")]


def test_an_irregular_line_says_how_many_columns_it_has() -> None:
    assert split_block(b"1,2,3\n1,2\n\n1,2,3,4\n\xff,2,3\n", width=3).irregular == [
        (1, "has 2 columns, not 3"),
        (3, "has 4 columns, not 3"),
        (4, "is not UTF-8"),
    ]


def test_a_line_of_white_space_is_no_line_and_counts_in_the_numbers_of_others() -> None:
    rows = split_block(b"\r\n1,2,3\n\n \t\r\n4,5\n7,8,9\n\n", width=3)
    assert rows.texts.rows() == [("1", "2", "3"), ("7", "8", "9")]
    assert rows.regular.tolist() == [1, 5]
    assert rows.irregular == [(4, "has 2 columns, not 3")]


@pytest.mark.parametrize(
    ("block", "expected"),
    [(b"", 0), (b"1,2\n", 0), (b" 1\n\n", 0), (b"\n\r\n  \n\n 1\n", 7), (b"\n \n", 3), (b" \n ", 3)],
)
def test_the_blank_lines_that_a_block_begins_with_end_before_the_first_other(block: bytes, expected: int) -> None:
    assert blank_head(block) == expected


def test_a_header_in_another_order_moves_the_columns_with_it() -> None:
    layout = find_layout(b"c,BEE,a\n1,2,3\n", [THREE], name="f.zip")
    assert [column.name for column in layout.columns] == ["c", "b", "a"]
    assert layout.header == b"c,BEE,a"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"a,b", "the header lacks c"),
        (b"a,b,c,d", "the header has an unknown column d"),
        (b"a,b,x", "the header lacks c and has an unknown column x"),
        (b"a,b,c,c", "names a column twice"),
    ],
)
def test_a_header_with_a_missing_or_an_extra_column_is_refused_by_name(header: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        find_layout(header + b"\n1,2,3\n", [THREE], name="f.zip")


def test_a_file_without_header_is_known_by_its_number_of_columns() -> None:
    assert find_layout(b"1,2\n1,2,3\n1,2,3\n", [THREE[:2], THREE], name="f.zip").columns == THREE
    with pytest.raises(BadPayload, match=r"f.zip has 4 columns, not 3"):
        find_layout(b"1,2,3,4\n1,2,3,4\n", [THREE], name="f.zip")


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("mark", [b"", BOM])
def test_a_header_is_known_by_its_first_letter_or_the_mark_before_it(mark: bytes) -> None:
    layout = find_layout(mark + b" B ,a,C\r\n1,2,3\n" if mark else b"B , a,C\r\n1,2,3\n", [THREE], name="f.zip")
    assert [column.name for column in layout.columns] == ["b", "a", "c"]
    assert layout.header is not None
    assert layout.header.startswith(mark)


def test_of_several_layouts_the_header_names_one_and_the_first_is_compared_where_none_fits() -> None:
    two = THREE[:2]
    assert find_layout(b"bee,a\n", [THREE, two], name="f.zip").columns == (THREE[1], THREE[0])
    with pytest.raises(BadPayload, match=r"^f\.zip: the header lacks c and has an unknown column d$"):
        find_layout(b"a,b,d\n", [THREE, two], name="f.zip")
    with pytest.raises(BadPayload, match=r"^f\.zip: the header lacks b, c and has an unknown column x, y$"):
        find_layout(b"a,x,y\n", [THREE], name="f.zip")


def test_an_endless_unknown_column_is_named_in_part() -> None:
    with pytest.raises(BadPayload) as caught:
        find_layout(b"a,b,c," + b"x" * 300, [THREE], name="f.zip")
    assert str(caught.value) == f"f.zip: the header has an unknown column {'x' * 100}"


def test_the_layout_that_most_lines_have_counts() -> None:
    two = THREE[:2]
    assert find_layout(b"1,2\n1,2\n1,2,3\n", [two, THREE], name="f.zip").columns == two
    assert find_layout(b"1,2\n", [two, THREE], name="f.zip").columns == two
    assert find_layout(b"1,2\n1,2\n1,2,3\n", [THREE, two], name="f.zip").columns == two
    assert find_layout(b"1\n1\n1\n1,2,3\n", [two, THREE], name="f.zip").columns == THREE
    with pytest.raises(BadPayload, match=r"^f\.zip has 1 columns, not 2 or 3$"):
        find_layout(b"1\n1\n1,2,3,4\n", [two, THREE], name="f.zip")


def test_a_block_without_a_regular_line_has_the_columns_all_the_same() -> None:
    rows = split_block(b"1,2\n", width=3)
    assert rows.texts.schema == split_block(b"1,2,3\n", width=3).texts.schema
    assert (rows.texts.height, rows.regular.tolist()) == (0, [])


def test_a_line_that_is_no_text_costs_none_of_its_neighbours() -> None:
    rows = split_block(b"\xff,2,3\n\xc3\xa9,5,6\nx,\x80,9\n1,2,\xc3", width=3)
    assert rows.texts.rows() == [("\u00e9", "5", "6")]
    assert rows.irregular == [(0, "is not UTF-8"), (2, "is not UTF-8"), (3, "is not UTF-8")]


def test_a_line_loses_one_carriage_return_at_its_end() -> None:
    rows = split_block(b"1,2,3\r\n4,5\n6,7,8\r\r\n9,0,1\r", width=3)
    assert rows.texts.rows() == [("1", "2", "3"), ("6", "7", "8\r"), ("9", "0", "1")]
    assert [rows.raw(line) for line in range(4)] == [b"1,2,3", b"4,5", b"6,7,8\r", b"9,0,1"]
