"""`python -m feeds simulate`: the marketplaces on loopback until SIGTERM or Ctrl-C."""

import argparse
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn

from feeds.simulator.clock import Clock
from feeds.simulator.http import Breakable, create
from feeds.simulator.settings import SettingsError, SimulatorSettings, load
from feeds.simulator.simulation import Simulation

_HOST = "127.0.0.1"
_BACKLOG = 2048
_BAD_SETTINGS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Port, settings, the clock."""
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="the port on loopback; 0: any free one (0)"
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="YAML of what differs from the defaults"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of everything that is drawn (1, or the file's)"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X",
        help="simulated time that passes in one of real time; 0: it stands until POST /_simulator/clock (1)",
    )  # fmt: skip
    parser.add_argument(
        "--late-ms", type=int, default=0, metavar="MS",
        help="real time that a call may be held up on its way: arriving so much too early, times the speed, exceeds no "
        "quota (0)",
    )  # fmt: skip
    parser.add_argument("--start-ms", type=int, metavar="MS", help="when simulated time begins (now)")


def run(arguments: argparse.Namespace) -> int:
    """Serve; the exit code: 0 after a SIGTERM, 2 where the settings or the port cannot be used."""
    try:
        settings = load(arguments.settings) if arguments.settings else SimulatorSettings()
        clock = Clock(arguments.speed, arguments.start_ms)
        listener = _listen(arguments.port)
    except (SettingsError, ValueError) as error:
        print(error, file=sys.stderr)
        return _BAD_SETTINGS
    with listener:
        url = f"http://{_HOST}:{listener.getsockname()[1]}"
        seed = settings.seed if arguments.seed is None else arguments.seed
        amazon = replace(settings.amazon, base_url=f"{url}/amazon")
        late_ms = settings.late_ms + round(arguments.late_ms * arguments.speed)
        simulation = Simulation(replace(settings, seed=seed, late_ms=late_ms, amazon=amazon), clock)
        config = uvicorn.Config(
            create(simulation),
            loop="uvloop",
            http=Breakable,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        print(f"simulated marketplaces on {url}", flush=True)
        # The server hands the signal on when it has ended well; that must not end the process as a failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {_HOST}:{port} ({error}); write a free port, or 0 for any"
        ) from None
    return listener
