"""One door to Numba: `kernel` compiles a plain loop and caches the machine code.

Numba's cache does not notice an edited callee, so the cache folder's name ends in a hash of every
kernel source and of the compiler's version: changed code never runs with stale machine code.
`NUMBA_DISABLE_JIT=1` runs every kernel as ordinary Python.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

_ROOT = Path(__file__).resolve().parent.parent
_KERNEL_FOLDERS = ("inventory", "wire")


def _cache_folder() -> Path:
    digest = hashlib.sha256()
    for name in ("numba", "numpy", "llvmlite"):
        digest.update(version(name).encode())
    for folder in _KERNEL_FOLDERS:
        for source in sorted((_ROOT / folder).glob("*.py")):
            digest.update(source.read_bytes())
    base = os.environ.get("STOCKTIDE_KERNEL_CACHE") or str(_ROOT / ".cache" / "kernels")
    return Path(base) / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(_cache_folder())

from numba import config, njit, types  # noqa: E402  (the cache folder must be known first)
from numba.experimental import structref  # noqa: E402

from inventory.borrowed import borrowed_proxy  # noqa: E402

COMPILES = not config.DISABLE_JIT
"""Whether kernels are machine code in this process."""

if not COMPILES:
    np.seterr(over="ignore")  # hashes overflow on purpose, as machine code does silently

F = TypeVar("F", bound=Callable[..., object])
C = TypeVar("C", bound=type)


def kernel(function: F) -> F:
    """Compile `function` on first call; its compiled form is kept on disk.

    It borrows the arrays that it is called with: nothing in it counts references to them, which else costs more than
    the work itself (folding takes half as long without). So it can neither make an array nor return one:
    `making_kernel` does.
    """
    return _one_for_all(njit(cache=True, _nrt=False)(function))  # type: ignore[no-any-return]


def making_kernel(function: F) -> F:
    """As `kernel`, for one that makes arrays, or returns them."""
    return _one_for_all(njit(cache=True, _nrt=True)(function))  # type: ignore[no-any-return]


def inline_kernel(function: F) -> F:
    """As `kernel`, for small helpers that should vanish into the loop that calls them."""
    return njit(cache=True, inline="always", _nrt=False)(function)  # type: ignore[no-any-return]


def _one_for_all(compiled: Any) -> Any:
    """Numba compiles a function anew for every constant and every width of integer that another kernel calls it with.
    Here it is compiled once, for int64, which leaves some four in ten fewer to compile."""
    if not COMPILES:
        return compiled
    template = compiled.get_call_template

    def widened(arguments: Iterable[Any], keywords: Mapping[str, Any]) -> Any:
        return template(
            tuple(_widest(each) for each in arguments),
            {name: _widest(each) for name, each in keywords.items()},
        )

    compiled.get_call_template = widened
    return compiled


def _widest(kind: Any) -> Any:
    plain = types.unliteral(kind) if isinstance(kind, types.IntegerLiteral | types.BooleanLiteral) else kind
    narrow = isinstance(plain, types.Integer) and plain.signed and plain.bitwidth < 64
    return types.int64 if narrow else plain


def by_reference(fields: C) -> C:
    """Class decorator for a `NamedTuple` of arrays that kernels should get as one pointer.

    A tuple of dozens of arrays is passed field by field to every function of a kernel, which makes both
    compiling and calling slow. Construct it inside a `making_kernel`; Python code only hands it on. Without the
    compiler it stays the `NamedTuple` it is.
    """
    if not COMPILES:
        return fields
    module = sys.modules[fields.__module__]
    struct = type(
        fields.__name__ + "Type",
        (types.StructRef,),
        {"__module__": fields.__module__, "preprocess_fields": _plain_types},
    )
    setattr(module, struct.__name__, struct)  # the compiler's cache finds it by name
    structref.register(struct)
    proxy = borrowed_proxy(fields.__name__, fields.__module__)
    structref.define_proxy(proxy, struct, list(fields._fields))  # type: ignore[attr-defined]
    return proxy  # type: ignore[return-value]


def _plain_types(_self: Any, fields: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, types.unliteral(kind)) for name, kind in fields)
