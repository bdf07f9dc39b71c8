"""The Prometheus endpoint of a process, on loopback."""

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from runtime.exit import Refusal


class MetricsUnavailable(Refusal):
    """The port is taken or may not be used."""


class MetricsServer:
    """Serves `/metrics` on `port` until `stop()`."""

    def __init__(
        self, port: int, registry: CollectorRegistry, variable: str = "STOCKTIDE_METRICS_PORT"
    ) -> None:
        try:
            self._server, self._thread = start_http_server(port, addr="127.0.0.1", registry=registry)
        except OSError as error:
            raise MetricsUnavailable(
                f"metrics cannot be served on 127.0.0.1:{port} ({error.strerror}); "
                f"write a free port into {variable}, or 0 to serve none"
            ) from None
        self.port = self._server.server_port

    def stop(self) -> None:
        """Close the port and end the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start_metrics(
    port: int, registry: CollectorRegistry = REGISTRY, variable: str = "STOCKTIDE_METRICS_PORT"
) -> MetricsServer | None:
    """Serve the metrics of this process on loopback; 0 serves none. `variable`: where the port is set. Raises
    `MetricsUnavailable`."""
    return MetricsServer(port, registry, variable) if port else None
