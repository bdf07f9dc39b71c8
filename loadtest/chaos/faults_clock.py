"""The wall clock of the engine jumps: of it alone, by a library that is loaded before all others."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.chaos.fault import Fault
from loadtest.chaos.site import Site

_SOURCE = Path(__file__).with_name("clock.c")
_JUMPS_S = (2.0, 4.0)
_AHEAD_S, _BACK_S = 25, 3_600


def no_compiler() -> str | None:
    """Why no process can have a clock of its own."""
    if shutil.which("cc") is None:
        return "its clock is a library in C, and there is no `cc` (Debian: apt-get install gcc libc6-dev)"
    return None


def build_clock(library: Path) -> None:
    """Compile the library. Raises CalledProcessError."""
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"], check=True)


def set_clock(file: Path, seconds: float) -> None:
    """So far from the truth is the clock of those who look at the file from now on."""
    with file.open("r+b" if file.exists() else "w+b") as clock:
        clock.write(struct.pack("=q", round(1000 * seconds)))


@contextmanager
def own_clock(site: Site) -> Iterator[None]:
    """The wall clock of engines goes by a file; their other clocks do not."""
    library = site.folder / "clock.so"
    build_clock(library)
    set_clock(_clock(site), 0)
    site.environment |= {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(_clock(site))}
    yield


def ahead(site: Site) -> None:
    """The engine's clock jumps ahead, and comes back."""
    _jump(site, _AHEAD_S)


def back(site: Site) -> None:
    """The engine's clock jumps back by an hour, and comes back."""
    _jump(site, -_BACK_S)


def _jump(site: Site, seconds: int) -> None:
    set_clock(_clock(site), seconds)
    try:
        site.rest(*_JUMPS_S)
        site.moves()
    finally:
        set_clock(_clock(site), 0)


def _clock(site: Site) -> Path:
    return site.folder / "clock"


FAULTS = (
    Fault("clock-ahead", f"the engine's clock jumps ahead {_AHEAD_S} s, and comes back", ahead, prepared=own_clock,
          why_not=no_compiler, settles_s=_AHEAD_S),
    Fault("clock-back", f"the engine's clock jumps back {_BACK_S} s, and comes back", back, prepared=own_clock,
          why_not=no_compiler),
)  # fmt: skip
