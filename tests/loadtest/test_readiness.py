"""Who is to ask for reservations waits until some can be made."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtest.errors import ApiAway
from loadtest.readiness import wait_for_reservations


@contextmanager
def _api(*said: str) -> Iterator[str]:
    """An API that says this of reservations, one after the other; the last one for good."""
    left = list(said)

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps({"reservations": left.pop(0) if len(left) > 1 else left[0]}).encode()
            self.send_response(503 if len(left) > 1 else 200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_it_is_waited_for() -> None:
    with _api("Kafka has not been reached yet", "not yet", "ready") as url:
        wait_for_reservations(url, 10.0)


def test_why_it_is_waited_for_in_vain() -> None:
    with _api("Kafka is nowhere") as url, pytest.raises(ApiAway, match="Kafka is nowhere"):
        wait_for_reservations(url, 0.2)
    with pytest.raises(ApiAway, match="does not answer"):
        wait_for_reservations("http://127.0.0.1:1", 0.2)
