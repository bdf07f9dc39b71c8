"""Messages of one record's current schema to columns: the program of a kind, and the arrays it fills."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import LONG_FIELDS, TEXT_FIELDS, Columns, Kind, Longs, Records
from wire.framing import SINGLE_OBJECT
from wire.plan import compile_program
from wire.schemas import Schema
from wire.strict import fault_error
from wire.walk import (
    ARRAY_START,
    FAULT_AT,
    FAULT_CODE,
    FAULT_INSTRUCTION,
    FAULT_MESSAGE,
    FAULTS,
    ITEM_END,
    ITEM_START,
    ROWS,
    walk,
)

Bad = tuple[int, str, str]

_BYTES_A_LINE = 12


class PosExtents(NamedTuple):
    """For each row of the POS_LINE columns, where in their `buf` its message's fields before the lines are
    (framing included), and where the line itself is."""

    head_start: Longs
    head_end: Longs
    line_start: Longs
    line_end: Longs


class KindDecoder:
    """Fills the columns of one kind."""

    def __init__(self, kind: Kind, schema: Schema) -> None:
        self.kind = kind
        self.schema = schema
        self.program = compile_program(schema, LONG_FIELDS[kind], TEXT_FIELDS[kind])
        self.header = SINGLE_OBJECT + schema.fingerprint

    def decode(
        self, records: Records, select: Longs, bad: list[Bad]
    ) -> tuple[Longs, Columns, PosExtents | None]:
        """The messages `select` as columns, and the message of each row; what cannot be read goes to `bad`.

        All of them begin with a header of this kind's current schema.
        """
        buf, start, end = records
        program = self.program
        capacity = len(select)
        if program.rows_within:
            capacity += int((end[select] - start[select]).sum()) // _BYTES_A_LINE
        longs = np.empty((len(LONG_FIELDS[self.kind]), capacity), np.int64)
        text_at = np.empty((len(TEXT_FIELDS[self.kind]), capacity), np.int32)
        text_len = np.empty_like(text_at)
        row_of = np.empty(capacity, np.int64)
        extents = np.empty((3, capacity if program.rows_within else 0), np.int64)
        faults = np.empty((4, len(select)), np.int64)
        progress = np.zeros(3, np.int64)
        while not walk(
            buf, start, end, select, program.code, program.jumps, progress,
            longs, text_at, text_len, row_of, extents, faults,
        ):  # fmt: skip
            longs, row_of, extents = _wider(longs), _wider(row_of), _wider(extents)
            text_at, text_len = _wider(text_at), _wider(text_len)
        rows = int(progress[ROWS])
        for fault in faults[:, : progress[FAULTS]].T.tolist():
            error = fault_error(
                self.schema, program, fault[FAULT_CODE], fault[FAULT_AT], fault[FAULT_INSTRUCTION]
            )
            bad.append((fault[FAULT_MESSAGE], error.code, error.reason))
        if rows < row_of.shape[0]:
            longs, row_of, extents = longs[:, :rows].copy(), row_of[:rows], extents[:, :rows].copy()
            text_at, text_len = text_at[:, :rows].copy(), text_len[:, :rows].copy()
        columns = Columns(buf, start[row_of], end[row_of], longs, text_at, text_len)
        if not program.rows_within:
            return row_of, columns, None
        head_end, line_start, line_end = extents[ARRAY_START], extents[ITEM_START], extents[ITEM_END]
        return row_of, columns, PosExtents(columns.start, head_end, line_start, line_end)


def _wider(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    more = np.empty((*array.shape[:-1], 2 * array.shape[-1] + 1), array.dtype)
    more[..., : array.shape[-1]] = array
    return more
