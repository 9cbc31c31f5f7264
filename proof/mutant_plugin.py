"""A plugin of pytest for tests among mutants: nothing is remembered from test to test.

Which tests call a function is seen once, in a run of all of them. What a cache answers calls nothing: else all that a
cached function calls would belong to the first test alone, and its mutants be tried by no other.
"""

from __future__ import annotations

import sys


def pytest_runtest_setup() -> None:
    """Forget what functions of the product remember."""
    modules = [module for name, module in sys.modules.items() if name.startswith("crypto_assets.")]
    for remembering in [
        value for module in modules for value in vars(module).values() if hasattr(value, "cache_clear")
    ]:
        remembering.cache_clear()
