"""One message checked as strictly as the batch decoder checks, for what is then read by fastavro.

fastavro alone takes a union branch or symbol of -1, a boolean of 7, a number of 80 bits.
"""

from functools import cache

import numpy as np

from wire.faults import FAULT_REASONS, Fault
from wire.framing import WireError, undecodable
from wire.plan import Program, compile_program
from wire.schemas import Schema, SchemaError
from wire.walk import FAULT_AT, FAULT_CODE, FAULT_INSTRUCTION, FAULTS, walk

_NO_LONGS = np.empty((0, 1), np.int64)
_NO_TEXTS = np.empty((0, 1), np.int32)
_NO_EXTENTS = np.empty((3, 0), np.int64)
_FIRST = np.zeros(1, np.int64)


@cache
def _program(schema: Schema) -> Program:
    return compile_program(schema)


def fault_error(schema: Schema, program: Program, code: int, at: int, instruction: int) -> WireError:
    """The error for a fault that `walk` found: `at` bytes into the message, by that instruction."""
    where = ".".join(part for part in (schema.record, program.paths[instruction]) if part)
    reason = f"{where}, byte {at}: {FAULT_REASONS[Fault(code)]}"
    readable = code in (Fault.NO_ROWS, Fault.LONG_TEXT)
    return WireError("invalid_event", reason) if readable else undecodable(reason)


def check(schema: Schema, message: bytes) -> None:
    """Raise WireError unless the framed message holds exactly one record of that schema, and nothing else."""
    try:
        program = _program(schema)
    except SchemaError as error:
        raise undecodable(str(error)) from error
    faults = np.zeros((4, 1), np.int64)
    progress = np.zeros(3, np.int64)
    walk(
        np.frombuffer(message, np.uint8),
        _FIRST,
        np.array([len(message)], np.int64),
        _FIRST,
        program.code,
        program.jumps,
        progress,
        _NO_LONGS,
        _NO_TEXTS,
        _NO_TEXTS,
        np.empty(1, np.int64),
        _NO_EXTENTS,
        faults,
    )
    if progress[FAULTS]:
        fault = faults[:, 0].tolist()
        raise fault_error(schema, program, fault[FAULT_CODE], fault[FAULT_AT], fault[FAULT_INSTRUCTION])
