"""COPY of Parquet files from S3, as its text says it, and what Redshift or the stand-in does not accept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resources.services.standin.cursor import Cursor
from resources.services.standin.refusals import Refusal, not_in_stand_in, syntax_error
from resources.services.standin.tokens import Token, word_set

ONLY_FOR_OTHER_FORMATS = word_set(
    "maxerror acceptanydate blanksasnull dateformat timeformat delimiter emptyasnull encoding escape explicit_null "
    "fixedwidth ignoreblanklines ignoreheader null quote removequotes roundec trimblanks truncatecolumns compupdate "
    "comprows noload gzip bzip2 lzop zstd region readratio ssh encrypted master_symmetric_key"
)
NOT_HERE = word_set(
    "acceptinvchars fillrecord explicit_ids credentials access_key_id secret_access_key session_token serializetojson "
    "job"
)
"""Redshift knows them for Parquet, the stand-in does not."""
OTHER_FORMATS = word_set("csv json avro orc shapefile delimiter fixedwidth")


@dataclass(frozen=True, slots=True)
class CopyCommand:
    """What is loaded from where into which table."""

    table: str
    """As SQL writes it: folded, quoted, with its schema where one is given."""
    columns: tuple[str, ...]
    """In the order of the files' columns; none means those of the table."""
    bucket: str
    key: str
    """Beginning of the files' keys, or the manifest's whole key."""
    role: str
    """`default` is the cluster's own."""
    has_manifest: bool

    @property
    def uri(self) -> str:
        """Where the files or their manifest are."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(slots=True)
class _Options:
    role: str | None = None
    is_parquet: bool = False
    has_manifest: bool = False


def parse_copy(statement: Sequence[Token]) -> CopyCommand:
    """The command; raises Refusal for other formats, options that Redshift has not for Parquet, and bad syntax."""
    cursor = Cursor(statement)
    cursor.take_word("copy")
    if cursor.text == "(":
        raise not_in_stand_in("COPY of a query", instead="Redshift has UNLOAD for that, which it lacks as well.")
    table = cursor.take_dotted_name()
    columns = tuple(cursor.take_names()) if cursor.text == "(" else ()
    cursor.take_word("from")
    bucket, key = _place(cursor)
    options = _Options()
    while cursor:
        _read_option(cursor, options)
    if options.role is None:
        raise Refusal("CREDENTIALS or IAM_ROLE is needed: the stand-in takes IAM_ROLE 'arn:…'", code="42601")
    if not options.is_parquet:
        raise not_in_stand_in("COPY of text files", instead="Say FORMAT AS PARQUET.")
    return CopyCommand(table, columns, bucket, key, options.role, options.has_manifest)


def _place(cursor: Cursor) -> tuple[str, str]:
    uri = _literal(cursor)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise not_in_stand_in(f"COPY from {uri}", instead="It reads from s3://bucket/key only.")
    return bucket, key


def _read_option(cursor: Cursor, options: _Options) -> None:
    token = cursor.take()
    word = token.word
    if word in ("manifest", "statupdate"):
        if word == "statupdate" and cursor.word in ("on", "off", "true", "false"):
            cursor.take()  # statistics are PostgreSQL's own matter
        options.has_manifest |= word == "manifest"
    elif word == "iam_role":
        _once(options.role is None, "IAM_ROLE")
        options.role = cursor.take_word("default") if cursor.is_at("default") else _literal(cursor)
    elif word in ("format", "parquet"):
        _once(not options.is_parquet, "FORMAT")
        _read_format(cursor, word)
        options.is_parquet = True
    elif word in OTHER_FORMATS:
        raise not_in_stand_in(f"COPY with FORMAT {word.upper()}", instead="It reads PARQUET.")
    elif word in ONLY_FOR_OTHER_FORMATS:
        raise Refusal(f"{word.upper()} argument is not supported for PARQUET based COPY")
    elif word in NOT_HERE:
        raise not_in_stand_in(f"COPY with {word.upper()}", instead="Leave it out.")
    else:
        raise syntax_error(token.text)


def _read_format(cursor: Cursor, word: str) -> None:
    if word == "parquet":
        return
    if cursor.is_at("as"):
        cursor.take()
    token = cursor.take()
    if token.word in OTHER_FORMATS:
        raise not_in_stand_in(f"COPY with FORMAT {token.text.upper()}", instead="It reads PARQUET.")
    if token.word != "parquet":
        raise syntax_error(token.text)


def _literal(cursor: Cursor) -> str:
    token = cursor.take()
    if token.value is None:
        if token.word == "stdin":
            raise not_in_stand_in("COPY FROM STDIN", instead="Redshift reads from S3 as well.")
        raise syntax_error(token.text)
    return token.value


def _once(is_first: bool, option: str) -> None:
    if not is_first:
        raise Refusal("conflicting or redundant options", code="42601", detail=f"{option} is given twice.")
