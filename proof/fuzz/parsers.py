"""Every parser that is fuzzed."""

from __future__ import annotations

from proof.fuzz.files import FILES
from proof.fuzz.messages import MESSAGES

TARGETS = {target.name: target for target in (*FILES, *MESSAGES)}
