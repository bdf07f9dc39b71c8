"""`python -m availability_api`: serve until SIGTERM or Ctrl-C."""

import signal
import socket
import sys

import uvicorn

from availability_api.app import create
from runtime import logs
from runtime.arguments import Parser
from runtime.exit import ExitCode, Refusal, run
from runtime.settings import Settings

_GRACE_S = 5
"""How long requests under way may take after SIGTERM."""

_BACKLOG = 2048


class PortUnavailable(Refusal):
    """The address the API shall listen on cannot be had."""


def main() -> int:
    """Serve; 0 after a SIGTERM."""
    parser = Parser(
        prog="python -m availability_api",
        description="The HTTP API over the Redis view, on loopback.",
    )
    parser.add_argument("--port", type=int, help="the port, instead of STOCKTIDE_API_PORT; 0: any free one")
    asked = parser.parse_args()
    settings = Settings.load(**({} if asked.port is None else {"api_port": asked.port}))
    logs.configure(settings)
    application = create(settings)
    with _listen(settings.api_host, settings.api_port) as listener:
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"availability API on http://{shown}:{port}", flush=True)
        # The server hands the signal on when it has ended well; that must not end the process as a failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])
    return ExitCode.DRAINED


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise PortUnavailable(
            f"the API cannot listen on {host}:{port} ({error.strerror}); write a free port into "
            "STOCKTIDE_API_PORT, or 0 for any"
        ) from None
    return listener


if __name__ == "__main__":
    sys.exit(run(main))
