"""CREATE TABLE as Redshift writes it, turned into what PostgreSQL executes.

Distribution, sort order and encodings are dropped, keys too: Redshift does not enforce them. What Redshift has not
(other types, CHECK, partitions) is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from resources.services.standin.cursor import Cursor
from resources.services.standin.refusals import Refusal, not_in_stand_in, not_on_redshift, syntax_error
from resources.services.standin.tokens import Kind, Token, parts_of, significant, text_of, word_set

ENCODINGS = word_set(
    "raw az64 bytedict delta delta32k lzo mostly8 mostly16 mostly32 runlength text255 text32k zstd auto"
)
DISTRIBUTIONS = frozenset(("auto", "even", "key", "all"))
TYPES = {
    **dict.fromkeys(("smallint", "int2"), "smallint"),
    **dict.fromkeys(("integer", "int", "int4"), "integer"),
    **dict.fromkeys(("bigint", "int8"), "bigint"),
    **dict.fromkeys(("numeric", "decimal"), "numeric"),
    **dict.fromkeys(("real", "float4"), "real"),
    **dict.fromkeys(("double precision", "float8", "float"), "double precision"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("char", "character", "nchar"), "char"),
    "bpchar": "bpchar",
    **dict.fromkeys(("varchar", "character varying", "nvarchar", "text"), "varchar"),
    "date": "date",
    **dict.fromkeys(("timestamp", "timestamp without time zone"), "timestamp"),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "timestamptz"),
    **dict.fromkeys(("time", "time without time zone"), "time"),
    **dict.fromkeys(("timetz", "time with time zone"), "timetz"),
}
LACKING_TYPES = frozenset(("super", "varbyte", "varbinary", "geometry", "geography", "hllsketch", "interval"))
"""Redshift has them, the stand-in does not."""
LONGEST_VARCHAR = 65_535
LONGEST_CHAR = 4_096
ATTRIBUTES = word_set(
    "default identity generated encode distkey sortkey not null unique primary references collate check constraint"
)


@dataclass(slots=True)
class _Table:
    """What a statement says of a table beyond its columns' types."""

    name: str
    columns: list[str] = field(default_factory=list[str])
    required: set[str] = field(default_factory=set[str])
    """Columns of the primary key."""
    distribution: list[str] = field(default_factory=list[str])
    sort: list[str] = field(default_factory=list[str])
    is_like_another: bool = False


def translate_create_table(tokens: Sequence[Token]) -> str:
    """The statement for PostgreSQL; raises Refusal where Redshift refuses it, or the stand-in does not know it."""
    cursor = Cursor(tokens)
    head = [cursor.take_word("create")]
    while not cursor.is_at("table"):
        head.append(cursor.take_word("local", "temp", "temporary"))
    head.append(cursor.take_word("table"))
    if cursor.is_at("if"):
        head += [cursor.take_word("if"), cursor.take_word("not"), cursor.take_word("exists")]
    table = _Table(cursor.take_dotted_name())
    return f"{' '.join(head).upper()} {table.name} {_definition(cursor, table)}"


def translate_add_column(tokens: Sequence[Token]) -> str:
    """What follows ALTER TABLE name ADD [COLUMN], for PostgreSQL; raises Refusal likewise."""
    text = _item(Cursor(tokens), _Table("the table"))
    if not text:
        raise not_in_stand_in("ALTER TABLE … ADD of keys", instead="They are not enforced; leave them out.")
    return text


def _definition(cursor: Cursor, table: _Table) -> str:
    items = parts_of(cursor.take_group()) if cursor.text == "(" else None
    if items is None or all(len(list(significant(item))) == 1 for item in items):
        _read_table_attributes(cursor, table)
        cursor.take_word("as")
        names = "" if items is None else f"({', '.join(text_of(item).strip() for item in items)}) "
        return f"{names}AS {text_of(cursor.rest())}"
    keys_first = sorted(range(len(items)), key=lambda place: not _is_constraint(items[place]))
    texts = {place: _item(Cursor(items[place]), table) for place in keys_first}
    _read_table_attributes(cursor, table)
    if cursor:
        raise syntax_error(cursor.text)
    _check_keys(table)
    return f"({', '.join(text for _, text in sorted(texts.items()) if text)})"


def _is_constraint(item: Sequence[Token]) -> bool:
    return next(significant(item), Token(Kind.SPACE, "")).word in ("constraint", "primary")


def _item(cursor: Cursor, table: _Table) -> str:
    """A column or LIKE as PostgreSQL writes it; empty for a key, which Redshift does not enforce."""
    if cursor.is_at("constraint"):
        cursor.take()
        cursor.take()
    match cursor.word:
        case "primary":
            cursor.take()
            cursor.take_word("key")
            table.required.update(token.name for token in significant(cursor.take_group()) if token.name)
            return ""
        case "unique" | "foreign":
            return ""
        case "check" | "exclude":
            raise not_on_redshift(f"{cursor.word.upper()} constraint")
        case "like":
            table.is_like_another = True
            return text_of(cursor.rest())
        case _:
            return _column(cursor, table)


def _column(cursor: Cursor, table: _Table) -> str:
    name = cursor.take()
    if not name.name:
        raise syntax_error(name.text)
    table.columns.append(name.name)
    parts = [name.text, _type(cursor, f"{table.name}.{name.name}".replace('"', ""))]
    is_required = name.name in table.required
    while cursor:
        word = cursor.take().word
        if word in ("not", "primary"):
            cursor.take_word("null", "key")
            is_required = True
        elif word == "default":
            parts += ["DEFAULT", cursor.take_until(ATTRIBUTES)]
        elif word in ("identity", "generated"):
            parts.append(_identity(cursor, word))
        elif word == "check":
            raise not_on_redshift("CHECK constraint")
        else:
            _drop_attribute(cursor, word, column=name.name, table=table)
    return " ".join([part for part in parts if part] + ["NOT NULL"] * is_required)


def _drop_attribute(cursor: Cursor, word: str, *, column: str, table: _Table) -> None:
    match word:
        case "null" | "unique":
            pass
        case "encode":
            cursor.take_word(*ENCODINGS)
        case "distkey":
            table.distribution.append(column)
        case "sortkey":
            table.sort.append(column)
        case "constraint":
            cursor.take()
        case "references":
            cursor.take_dotted_name()
            if cursor.text == "(":
                cursor.take_group()
        case "collate":
            raise not_in_stand_in("COLLATE", instead="Names and values are compared byte by byte.")
        case _:
            raise syntax_error(cursor.last)


def _identity(cursor: Cursor, word: str) -> str:
    kind = "ALWAYS"
    if word == "generated":
        for expected in ("by", "default", "as", "identity"):
            cursor.take_word(expected)
        kind = "BY DEFAULT"
    numbers = cursor.take_numbers()
    if len(numbers) != 2:
        raise syntax_error("IDENTITY")
    start, step = numbers
    return f"GENERATED {kind} AS IDENTITY (START WITH {start} INCREMENT BY {step})"


def _type(cursor: Cursor, column: str) -> str:
    """The type that comes next, as PostgreSQL writes it."""
    words = [cursor.take().text.lower()]
    arguments: list[Token] = []
    while cursor and cursor.word not in ATTRIBUTES:
        if cursor.text == "(":
            arguments = cursor.take_group()
        else:
            words.append(cursor.take().text.lower())
    name = " ".join(words)
    if name in LACKING_TYPES:
        raise not_in_stand_in(f"columns of type {name.upper()}", instead=f"{column} needs another type.")
    if name not in TYPES:
        raise Refusal(f'Column "{column}" has unsupported type "{name}".')
    numbers = [int(token.text) for token in significant(arguments) if token.text.isdecimal()]
    if name in ("varchar", "character varying", "nvarchar") and [token.word for token in significant(arguments)] == [
        "max"
    ]:
        numbers = [LONGEST_VARCHAR]
    return f"{TYPES[name]}{_arguments(TYPES[name], numbers, is_text=name in ('text', 'bpchar'))}"


def _arguments(name: str, numbers: Sequence[int], *, is_text: bool) -> str:
    """Length or precision in parentheses, with Redshift's defaults and limits."""
    if name == "numeric":
        precision, scale = (*numbers, 0)[:2] if numbers else (18, 0)
        if not 1 <= precision <= 38:
            raise Refusal(f"DECIMAL precision {precision} must be between 1 and 38", code="22023")
        if not 0 <= scale <= min(precision, 37):
            raise Refusal(f"DECIMAL scale {scale} must be between 0 and {min(precision, 37)}", code="22023")
        return f"({precision},{scale})"
    if name in ("varchar", "char", "bpchar"):
        longest = LONGEST_VARCHAR if name == "varchar" else LONGEST_CHAR
        length = numbers[0] if numbers and not is_text else 1 if name == "char" else 256
        if not 1 <= length <= longest:
            raise Refusal(f"length for type {name} cannot exceed {longest}", code="22023")
        return f"({length})"
    return ""


def _read_table_attributes(cursor: Cursor, table: _Table) -> None:
    """What follows the columns and says how Redshift stores the table."""
    style = ""
    while cursor and not cursor.is_at("as"):
        match cursor.take().word:
            case "backup":
                cursor.take_word("yes", "no")
            case "diststyle":
                style = cursor.take_word(*DISTRIBUTIONS)
            case "distkey":
                table.distribution += cursor.take_names()
            case "compound" | "interleaved":
                cursor.take_word("sortkey")
                table.sort += cursor.take_names()
            case "sortkey":
                table.sort += [] if cursor.is_at("auto") and cursor.take() else cursor.take_names()
            case "encode":
                cursor.take_word("auto")
            case _:
                raise syntax_error(cursor.last)
    if len(table.distribution) > 1:
        raise Refusal("cannot have more than one DISTKEY column", code="42P16")
    if table.distribution and style not in ("", "key"):
        raise Refusal(f"cannot specify DISTKEY column for DISTSTYLE {style.upper()}", code="42P16")
    if style == "key" and not table.distribution:
        raise Refusal("DISTSTYLE KEY needs a DISTKEY column", code="42P16")


def _check_keys(table: _Table) -> None:
    if table.is_like_another:
        return
    for what, names in (("DISTKEY", table.distribution), ("SORTKEY", table.sort), ("PRIMARY KEY", table.required)):
        for name in names:
            if name not in table.columns:
                raise Refusal(f'column "{name}" named in {what} does not exist', code="42703")
