"""`python -m availability_api`: serve until SIGTERM or Ctrl-C; or explain one number."""

import signal
import socket
import sys

import uvicorn

from availability_api.app import create
from availability_api.command import explain
from runtime import logs
from runtime.arguments import Parser
from runtime.exit import ExitCode, Refusal, run
from runtime.settings import Settings

_GRACE_S = 5
"""How long requests under way may take after SIGTERM."""

_BACKLOG = 2048


class PortUnavailable(Refusal):
    """The address the API shall listen on cannot be had."""


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code: of a server 0 after a SIGTERM."""
    parser = Parser(
        prog="python -m availability_api",
        description="The HTTP API over the Redis view, on loopback.",
    )
    parser.add_argument("--port", type=int, help="the port, instead of STOCKTIDE_API_PORT; 0: any free one")
    commands = parser.add_subparsers(dest="command", metavar="[explain]")
    why = commands.add_parser(
        "explain",
        help="why the number of a sku in a channel is what it is (without a word, serve)",
        description="Every term, rule and recent fact that led to a number, read from the view in Redis.",
    )
    why.add_argument("sku")
    why.add_argument("--channel", required=True)
    why.add_argument("--json", action="store_true", help="the document that the API answers with")
    why.add_argument(
        "--records", action="store_true", help="look the last facts up in Kafka: event id and source of each"
    )
    asked = parser.parse_args(arguments)
    if asked.command == "explain":
        return explain(
            Settings.load(), asked.sku, asked.channel, as_json=asked.json, with_records=asked.records
        )
    return _serve(Settings.load(**({} if asked.port is None else {"api_port": asked.port})))


def _serve(settings: Settings) -> int:
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
