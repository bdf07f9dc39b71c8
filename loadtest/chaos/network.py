"""Hosts on one machine: network namespaces of Linux behind a router, and links that can be cut.

A host has an address of its own and one link, to the router, which is a namespace too; so is this process on a host of
its own, the machine's own namespace, into which the router's network gets one more interface. A link that is cut drops
every packet, both ways, and tells nobody: no reset, no ICMP, and the interfaces stay up.

Namespaces have no names here: only file descriptors of this process hold them. So none of others can be touched, and
when this process ends, in whatever way, they are gone with all their interfaces.
"""

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_NETWORKS = 512
"""198.18.0.0/15 is kept for tests of networks (RFC 2544): so many networks of 256 addresses."""
_ROUTER, _HERE = 254, 1
_CUT = "pref 10"
"""The rules of the router that drop packets, before it looks for a route."""


class NetworkImpossible(Exception):
    """This machine cannot have hosts; the message says why."""


class Host:
    """One host. `address`: of its one interface. `enter`: in front of a command, it runs there."""

    def __init__(self, router: "Router", name: str, number: int, namespace: int) -> None:
        self.name = name
        self.address = router.address(number)
        self.enter = entering(namespace)
        self._port = _port(number)
        self._router = router
        self._namespace = namespace
        self._cut = False

    def cut(self) -> None:
        """From now on nothing arrives, in neither direction."""
        if not self._cut:
            self._router.configure([f"rule add {_CUT} {way} blackhole" for way in self._ways])
        self._cut = True

    def join(self) -> None:
        """The link is there again."""
        if self._cut:
            self._router.configure([f"rule del {_CUT} {way} blackhole" for way in self._ways])
        self._cut = False

    @property
    def _ways(self) -> tuple[str, str]:
        return f"iif {self._port}", f"to {self.address}"

    def remove(self) -> None:
        """The host is gone; what still runs there reaches nobody."""
        self.join()
        self._router.configure([f"link del {self._port}"])
        os.close(self._namespace)
        self._router.removed(self)


class Router:
    """What hosts are behind. Give it back with `close`. Raises NetworkImpossible."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        self._numbers = iter(range(_HERE + 1, _ROUTER))
        self._undo = ExitStack()
        try:
            self._network = self._undo.enter_context(_own_network())
            self._namespace = _new_namespace(forwards=True)
            self._undo.callback(os.close, self._namespace)
            self._enter = entering(self._namespace)
            self.configure(["link set lo up"])
            self._link_here()
        except BaseException:
            self._undo.close()
            raise

    def host(self, name: str) -> Host:
        """Another host, with a link to all others."""
        number = next(self._numbers)
        namespace = _new_namespace()
        try:
            self.configure([f"link add {_port(number)} type veth peer name eth0 netns {path_of(namespace)}"])
            _configure(entering(namespace), ["link set lo up", *self._lines("eth0", number, "default")])
            self.configure(self._port_lines(_port(number), number))
        except NetworkImpossible:
            os.close(namespace)
            raise
        self._hosts.append(Host(self, name, number, namespace))
        return self._hosts[-1]

    def address(self, number: int) -> str:
        """Of one host."""
        return f"198.{18 + self._network // 256}.{self._network % 256}.{number}"

    def configure(self, lines: Sequence[str]) -> None:
        """Commands of `ip`, in the router."""
        _configure(self._enter, lines)

    def removed(self, host: Host) -> None:
        """It is no host any more."""
        self._hosts.remove(host)

    def close(self) -> None:
        """Everything is gone that was made."""
        with self._undo:
            for host in list(self._hosts):
                host.remove()

    def _link_here(self) -> None:
        """The machine's own namespace is a host as well."""
        name = f"chaos{secrets.token_hex(3)}"
        there = path_of(self._namespace)
        _configure([], [f"link add {name} type veth peer name {_port(_HERE)} netns {there}"])
        self._undo.callback(_configure, [], [f"link del {name}"])
        _configure([], self._lines(name, _HERE, self.address(0) + "/24"))
        self.configure(self._port_lines(_port(_HERE), _HERE))

    def _lines(self, device: str, number: int, reached: str) -> list[str]:
        """Of a host: its address, and the way to the others."""
        return [
            f"addr add {self.address(number)} peer {self.address(_ROUTER)} dev {device}",
            f"link set {device} up",
            f"route add {reached} via {self.address(_ROUTER)}",
        ]

    def _port_lines(self, device: str, number: int) -> list[str]:
        """Of the router's end of a link."""
        return [
            f"addr add {self.address(_ROUTER)} peer {self.address(number)} dev {device}",
            f"link set {device} up",
        ]


@contextmanager
def router() -> Iterator[Router]:
    """A network until the block ends. Raises NetworkImpossible."""
    made = Router()
    try:
        yield made
    finally:
        made.close()


@cache
def why_no_hosts() -> str | None:
    """Why this machine cannot have hosts; it is tried."""
    missing = [tool for tool in ("ip", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"network namespaces need `{missing[0]}` (Debian: apt-get install iproute2 util-linux)"
    try:
        with router() as made:
            made.host("tried").cut()
    except NetworkImpossible as error:
        return (
            f"network namespaces cannot be made here, which root may (CAP_SYS_ADMIN, CAP_NET_ADMIN): {error}"
        )
    return None


def path_of(namespace: int) -> str:
    """The name by which others find a namespace that this process holds by a file descriptor."""
    return f"/proc/{os.getpid()}/fd/{namespace}"


def entering(namespace: int) -> tuple[str, ...]:
    """In front of a command, it runs in that namespace."""
    return "nsenter", f"--net={path_of(namespace)}", "--"


def _port(number: int) -> str:
    """The router's end of a link."""
    return f"port{number}"


def _new_namespace(*, forwards: bool = False) -> int:
    """A file descriptor of it. Raises NetworkImpossible."""

    def make() -> int:  # a thread goes there alone, and ends
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
            raise NetworkImpossible(os.strerror(ctypes.get_errno()))
        try:
            if forwards:
                Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        except OSError as error:
            raise NetworkImpossible(str(error)) from error

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


@contextmanager
def _own_network() -> Iterator[int]:
    """The number of a network that no other process has: the kernel keeps who bound its name."""
    first = secrets.randbelow(_NETWORKS)
    for number in (*range(first, _NETWORKS), *range(first)):
        with socket.socket(socket.AF_UNIX) as held:
            try:
                held.bind(f"\0stocktide-network-{number}")
            except OSError:
                continue
            yield number
            return
    raise NetworkImpossible(f"all {_NETWORKS} networks of 198.18.0.0/15 are taken")


def _configure(enter: Sequence[str], lines: Sequence[str]) -> None:
    _run([*enter, "ip", "-batch", "-"], "\n".join(lines))


def _run(command: Sequence[str], words: str = "") -> None:
    done = subprocess.run(command, input=words, text=True, capture_output=True, check=False)
    if done.returncode:
        raise NetworkImpossible(f"{' '.join(command)}: {done.stderr.strip()}")
