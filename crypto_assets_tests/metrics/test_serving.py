"""The page of a program."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry

from crypto_assets.metrics.declared import counter
from crypto_assets.metrics.serving import serve_metrics


def test_programs_with_the_same_port_all_have_a_page(caplog: pytest.LogCaptureFixture) -> None:
    pages = []
    for number in range(2):
        registry = CollectorRegistry()
        counter("processor_batches", registry).inc(number)
        pages.append(serve_metrics(registry, host="127.0.0.1", port=pages[0].port if pages else 0))
    try:
        assert pages[0].port != pages[1].port
        assert "taken" in caplog.text
        for number, page in enumerate(pages):
            assert f"processor_batches_total {number}.0" in httpx.get(page.address).text
    finally:
        for page in pages:
            page.end()
    with pytest.raises(httpx.ConnectError):
        httpx.get(pages[0].address)


def test_an_address_that_is_not_this_machines_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        serve_metrics(CollectorRegistry(), host="203.0.113.1", port=0)
