"""Arithmetic and randomness that give the same bits on every machine.

Prices are published as integers, so one differing last bit before rounding could move a trade by a tick. Hence:

- random bits are the raw words of Philox, whose streams NumPy guarantees across versions and platforms; the methods of
  `numpy.random.Generator` carry no such promise and are not used;
- real numbers only meet +, -, *, /, sqrt, floor, ceil and rint, which IEEE 754 defines to the last bit, one ufunc each
  (nothing is fused), never libm's exp, log or pow;
- sums run over int64, where order and vector width cannot matter; sorting is of values, never of indices with ties.

Logarithms are to base 2 in fixed point: int64 in units of 2**-40 (`ONE` is 1.0).
"""

from __future__ import annotations

import hashlib
from functools import cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from crypto_assets.simulator.market.results import Ints

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

FRACTION_BITS = 40
ONE = 1 << FRACTION_BITS
LN2 = 0.6931471805599453
LOG2_E = 1 / LN2
"""A difference of natural logarithms is so many times as large to base 2."""

_TABLE_BITS = 8
_REST_BITS = FRACTION_BITS - _TABLE_BITS
_GAUSSIAN_MEAN = 2 * 65_535
_GAUSSIAN_DEVIATION = 37_837.22  # of the sum of four uniform 16-bit numbers: sqrt(4 * (2**32 - 1) / 12)


def draw_words(seed: int, name: str, stream: int, index: int, *, count: int) -> Words:
    """The first `count` words of the stream (seed, name, stream, index); streams are independent."""
    sequence = np.random.SeedSequence((abs(seed), int(seed < 0), name_key(name), stream, index))
    return np.random.Philox(sequence).random_raw(count)


@cache
def name_key(name: str) -> int:
    """64 bits that stand for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def scatter_bits(words: Words) -> Words:
    """A hash of each word (the finaliser of SplitMix64): equal words give equal hashes, near ones unrelated hashes."""
    mixed = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def gaussian(words: Words) -> Floats:
    """Numbers near the standard normal: the sum of a word's four 16-bit parts, so within +-3.46, kurtosis 2.7."""
    parts = words.view(np.uint16).reshape(-1, 4)
    total = parts[:, 0].astype(np.int64) + parts[:, 1] + parts[:, 2] + parts[:, 3]
    return (total - _GAUSSIAN_MEAN).astype(np.float64) * np.float64(1.0 / _GAUSSIAN_DEVIATION)


def uniform(words: Words) -> Floats:
    """Numbers in (0, 1], never zero, from a word's upper 32 bits."""
    return ((words >> np.uint64(32)).astype(np.int64) + 1).astype(np.float64) * np.float64(2.0**-32)


def below(words: Words, bound: int) -> Ints:
    """Integers in [0, bound) from a word's upper 32 bits; bound <= 2**31."""
    return ((words >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def _powers_of_two() -> Floats:
    """2**(j/256) for j in [0, 256), as products of repeated square roots of two."""
    table: Floats = np.ones(1 << _TABLE_BITS, dtype=np.float64)
    root = 2.0
    for bit in reversed(range(_TABLE_BITS)):
        root = sqrt(root)
        table[(np.arange(table.size) >> bit) & 1 == 1] *= root
    return table


_POWERS = _powers_of_two()


def exp2(logs: Ints) -> Floats:
    """2 to the given fixed-point logarithms, within 1e-14 relative; logarithms within +-1000."""
    whole = logs >> FRACTION_BITS
    entry = (logs >> _REST_BITS) & ((1 << _TABLE_BITS) - 1)
    rest = (logs & ((1 << _REST_BITS) - 1)) * (LN2 / ONE)
    series = 1.0 + rest * (1.0 + rest * 0.5 * (1.0 + rest * (1 / 3) * (1.0 + rest * 0.25)))
    scale = ((whole + 1023) << 52).view(np.float64)
    return _POWERS[entry] * series * scale


def log2_fixed(value: float) -> int:
    """Fixed-point logarithm of a positive number, exact to 2**-24: squared once for each bit."""
    exponent = 0
    while value >= 2.0:
        value, exponent = value / 2.0, exponent + 1
    while value < 1.0:
        value, exponent = value * 2.0, exponent - 1
    bits = exponent
    for _ in range(24):
        value *= value
        bits *= 2
        if value >= 2.0:
            value, bits = value / 2.0, bits + 1
    return bits << (FRACTION_BITS - 24)


def interpolate(nodes: Ints, per_node: int) -> Ints:
    """Straight lines through the nodes, `per_node` values for each step and the last node: [(n - 1) * per_node + 1]."""
    steps = np.arange(per_node, dtype=np.int64)
    lines = nodes[:-1, None] + np.diff(nodes)[:, None] * steps // per_node
    return np.append(lines.ravel(), nodes[-1])
