"""What people read of several notices at once: for a chat, an e-mail and a log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from crypto_assets.alerts.alert import Alert, Notice
from crypto_assets.health.words import duration

SHOWN = 10
"""Alerts that one message tells of in full; the rest is counted."""
BLOCK_LIMIT = 2_900
"""Characters of a section; Slack takes 3,000."""
TEXT_LIMIT = 12_000
"""Characters of the text beside the blocks; Slack takes 40,000."""
WORDS_LIMIT = 1_000
"""Characters of a sentence; what a failed run says of itself may be a page."""
SUBJECT_LIMIT = 150
_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Item:
    """What is told of one alert."""

    heading: str
    sentence: str
    times: str
    advice: str
    url: str
    is_over: bool
    is_critical: bool

    @property
    def line(self) -> str:
        """All of it on one line."""
        parts = [f"{self.heading}: {self.sentence}", self.times, self.advice, self.url]
        return " ".join(" ".join(parts).split())


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once, in the order in which it happened."""

    subject: str
    items: tuple[Item, ...]
    more: str
    """How many alerts are not among the items, and of what kind; empty where all are."""
    origin: str
    """Who speaks: which machine, which exchange."""
    reference: str
    """The same for the same notices: a mailbox shows a message that came twice once."""


def compose(notices: Sequence[Notice], *, dagster_url: str, origin: str) -> Message:
    """One message of all notices, which are at least one; of many, those that matter most are told in full."""
    ranked = sorted(notices, key=lambda one: (one.is_over, one.alert.severity != "critical"))
    chosen = {one.number for one in ranked[:SHOWN]}
    shown = tuple(_item(one, dagster_url) for one in notices if one.number in chosen)
    left = [one for one in notices if one.number not in chosen]
    return Message(
        subject=_subject(ranked),
        items=shown,
        more=_more(left),
        origin=_clean(origin),
        reference=f"{notices[0].number}-{notices[-1].number}-{len(notices)}",
    )


def as_slack(message: Message) -> dict[str, object]:
    """The JSON of an incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks").

    Slack shows the blocks, and of the text the beginning in a notice on a phone; others that take this JSON know the
    text only, so that all of it is there too.
    """
    blocks = [_section(_slack_item(item)) for item in message.items]
    blocks += [_section(escape(message.more, limit=BLOCK_LIMIT))] if message.more else []
    blocks.append({"type": "context", "elements": [_mrkdwn(escape(message.origin, limit=BLOCK_LIMIT))]})
    return {"text": escape(f"{message.subject}\n\n{as_text(message)}", limit=TEXT_LIMIT), "blocks": blocks}


def as_text(message: Message) -> str:
    """Plain text, a paragraph for each alert."""
    paragraphs = [
        "\n".join(filter(None, (item.heading, item.sentence, item.times, item.advice, item.url)))
        for item in message.items
    ]
    return "\n\n".join(filter(None, (*paragraphs, message.more, f"-- \n{message.origin}"))) + "\n"


def escape(text: str, *, limit: int) -> str:
    """Text that Slack shows as it is, whatever it holds, of at most so many characters."""
    taken: list[str] = []
    length = 0
    for character in text:
        written = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        length += len(written)
        if length > limit - 1:
            return "".join((*taken, "…"))
        taken.append(written)
    return "".join(taken)


def _item(notice: Notice, dagster_url: str) -> Item:
    alert = notice.alert
    return Item(
        heading=f"{_word(notice)}: {_clean(alert.subject)}",
        sentence=("It was: " if notice.is_over else "") + _clean(alert.sentence),
        times=_times(alert, is_over=notice.is_over),
        advice="" if notice.is_over else f"What to do: {_clean(alert.advice)}",
        url=_url(dagster_url, alert.link),
        is_over=notice.is_over,
        is_critical=alert.severity == "critical",
    )


_ENDINGS = {"resolved": "RESOLVED", "left": "NO LONGER WATCHED, not seen to end"}


def _word(notice: Notice) -> str:
    ending = notice.kinds[-1]
    return notice.alert.severity.upper() if ending == "firing" else _ENDINGS[ending]


def _times(alert: Alert, *, is_over: bool) -> str:
    first, last = alert.first_at, alert.last_at
    looks = f"{alert.count:,} {'look' if alert.count == 1 else 'looks'} saw it"
    if is_over:
        ended = alert.resolved_at or last
        return f"From {_moment(first)} to {_moment(ended)}, {duration(ended - first)}; {looks}."
    return f"Since {_moment(first)}, last seen {_moment(last)}; {looks}."


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _subject(ranked: Sequence[Notice]) -> str:
    worst, rest = ranked[0], len(ranked) - 1
    text = f"{_word(worst).partition(',')[0]}: {' '.join(_clean(worst.alert.subject).split())}"
    more = f" and {rest} more" if rest else ""
    return f"{text[: SUBJECT_LIMIT - len(more)]}{more}"


def _more(left: Sequence[Notice]) -> str:
    if not left:
        return ""
    kinds = Counter(f"{one.alert.rule} {'over' if one.is_over else 'begun'}" for one in left)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"and {len(left)} more ({listed}). All of them: python -m crypto_assets.alerts --list"


def _url(dagster_url: str, link: str) -> str:
    return f"{dagster_url.rstrip('/')}{quote(link, safe='/?=&%')}" if link else ""


def _slack_item(item: Item) -> str:
    lines: Iterable[str] = filter(None, (item.sentence, item.times, item.advice))
    link = f"\n<{escape(item.url, limit=500)}|Open in Dagster>" if item.url and "|" not in item.url else ""
    mark = ":white_check_mark:" if item.is_over else ":red_circle:" if item.is_critical else ":large_orange_circle:"
    heading = f"{mark} *{escape(item.heading, limit=300)}*\n"
    return heading + escape("\n".join(lines), limit=BLOCK_LIMIT - len(heading) - len(link)) + link


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text}


def _clean(text: str) -> str:
    """Without what a terminal or a log would obey, and no longer than people read."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= WORDS_LIMIT else f"{text[: WORDS_LIMIT - 1]}…"
