"""The metrics endpoint."""

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from deploy.ports import free_port
from runtime.metrics import MetricsUnavailable, start_metrics


def test_it_serves_on_loopback_until_stopped() -> None:
    registry = CollectorRegistry()
    Counter("folded", "Events folded", registry=registry).inc(3)
    server = start_metrics(free_port(), registry)
    assert server is not None
    try:
        assert "folded_total 3.0" in httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
        with pytest.raises(MetricsUnavailable, match="write a free port into STOCKTIDE_METRICS_PORT"):
            start_metrics(server.port, registry)
    finally:
        server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{server.port}/metrics")


def test_port_0_is_off() -> None:
    assert start_metrics(0) is None
