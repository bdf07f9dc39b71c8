"""The loop that reads records: a cursor and an end for each, everything checked, a bad record is bad alone.

Stricter than Avro libraries are: a number of more than 64 bits, a boolean other than 0 and 1, a negative
length, a text that is not UTF-8, a block whose size is wrong and bytes left over are all faults.
"""

import numpy as np

from inventory.columns import NULL, Bytes, Ints, Longs
from inventory.jit import making_kernel
from wire.faults import MAX_TEXT, Fault
from wire.plan import MAX_DEPTH, Op
from wire.primitives import read_block, read_long, read_text

_END, _TEXT, _LONG = int(Op.END), int(Op.TEXT), int(Op.LONG)
_OPTIONAL_TEXT, _OPTIONAL_LONG = int(Op.OPTIONAL_TEXT), int(Op.OPTIONAL_LONG)
_ENUM, _BOOLEAN, _INT = int(Op.ENUM), int(Op.BOOLEAN), int(Op.INT)
_BYTES, _FIXED = int(Op.BYTES), int(Op.FIXED)
_UNION, _JUMP, _NULL_LONG, _NULL_TEXT = int(Op.UNION), int(Op.JUMP), int(Op.NULL_LONG), int(Op.NULL_TEXT)
_BLOCK, _NEXT, _ROW, _ROW_END = int(Op.BLOCK), int(Op.NEXT), int(Op.ROW), int(Op.ROW_END)

_TRUNCATED, _LENGTH = int(Fault.TRUNCATED), int(Fault.LENGTH)
_BAD_BRANCH, _BAD_SYMBOL = int(Fault.BRANCH), int(Fault.SYMBOL)
_BAD_BOOLEAN, _BAD_INT, _BAD_BLOCK = int(Fault.BOOLEAN), int(Fault.INT), int(Fault.BLOCK)
_RESERVED, _LEFTOVER, _NO_ROWS = int(Fault.RESERVED), int(Fault.LEFTOVER), int(Fault.NO_ROWS)
_LONG_TEXT = int(Fault.LONG_TEXT)

_NULL = int(NULL)
_INT_MAX = 0x7FFF_FFFF
_SINGLE_OBJECT_MARK = 0xC3

# Rows of `progress` and `faults`.
NEXT, ROWS, FAULTS = 0, 1, 2
FAULT_MESSAGE, FAULT_CODE, FAULT_AT, FAULT_INSTRUCTION = 0, 1, 2, 3
# Rows of `extents`: where the array of rows begins, and where the row's item begins and ends.
ARRAY_START, ITEM_START, ITEM_END = 0, 1, 2


@making_kernel
def walk(
    buf: Bytes,
    start: Longs,
    end: Longs,
    select: Longs,
    code: Ints,
    jumps: Ints,
    progress: Longs,
    longs: Longs,
    text_at: Ints,
    text_len: Ints,
    row_of: Longs,
    extents: Longs,
    faults: Longs,
) -> bool:
    """Read the framed messages `select[progress[NEXT]:]` of one schema with its program, into columns.

    `row_of` (capacity) gets the message of each row, `extents` (3, capacity) what ARRAY_START ... name (with
    no columns where a row is a message), `faults` (4, messages) the bad ones; `progress` counts on. Returns
    False when the columns are full: enlarge them and call again.
    """
    capacity = row_of.shape[0]
    rows_within = extents.shape[1] > 0
    left = np.empty(MAX_DEPTH, np.int64)
    block_ends = np.empty(MAX_DEPTH, np.int64)
    while progress[NEXT] < select.shape[0]:
        base = progress[ROWS]
        if base >= capacity:
            return False
        message = select[progress[NEXT]]
        at = start[message]
        stop = end[message]
        at += 10 if buf[at] == _SINGLE_OBJECT_MARK else 5
        row = base
        items = 0
        array_start = 0
        depth = -1
        fault = 0
        pc = 0
        while True:
            op, a, b = code[pc, 0], code[pc, 1], code[pc, 2]
            place = at
            if op == _TEXT:
                length, place = read_text(buf, at, stop)
                if place >= 0:
                    if a >= 0:
                        text_at[a, row] = place
                        text_len[a, row] = length
                        if length > MAX_TEXT:
                            fault = _LONG_TEXT
                    place += length
            elif op == _LONG:
                value, place = read_long(buf, at, stop)
                if a >= 0:
                    longs[a, row] = value
                    if value == _NULL:
                        fault = _RESERVED
            elif op == _OPTIONAL_TEXT:
                branch, place = read_long(buf, at, stop)
                if place >= 0:
                    if branch == b:
                        if a >= 0:
                            text_at[a, row] = 0
                            text_len[a, row] = -1
                    elif branch == 1 - b:
                        length, place = read_text(buf, place, stop)
                        if place >= 0:
                            if a >= 0:
                                text_at[a, row] = place
                                text_len[a, row] = length
                                if length > MAX_TEXT:
                                    fault = _LONG_TEXT
                            place += length
                    else:
                        fault = _BAD_BRANCH
            elif op == _ENUM:
                value, place = read_long(buf, at, stop)
                if place >= 0 and (value < 0 or value >= b):
                    fault = _BAD_SYMBOL
                elif a >= 0:
                    longs[a, row] = value
            elif op == _OPTIONAL_LONG:
                branch, place = read_long(buf, at, stop)
                if place >= 0:
                    if branch == b:
                        if a >= 0:
                            longs[a, row] = _NULL
                    elif branch == 1 - b:
                        value, place = read_long(buf, place, stop)
                        if a >= 0:
                            longs[a, row] = value
                            if value == _NULL:
                                fault = _RESERVED
                    else:
                        fault = _BAD_BRANCH
            elif op == _END:
                if at != stop:
                    fault = _LEFTOVER
                elif rows_within and items == 0:
                    fault = _NO_ROWS
                    pc -= 1  # the array, which is the last field
            elif op == _BOOLEAN:
                if at >= stop:
                    fault = _TRUNCATED
                elif buf[at] > 1:
                    fault = _BAD_BOOLEAN
                else:
                    place = at + 1
                    if a >= 0:
                        longs[a, row] = buf[at]
            elif op == _UNION:
                branch, place = read_long(buf, at, stop)
                if place >= 0:
                    if branch < 0 or branch >= b:
                        fault = _BAD_BRANCH
                    else:
                        pc = jumps[a + branch] - 1
            elif op == _JUMP:
                pc = a - 1
            elif op == _NULL_LONG:
                longs[a, row] = _NULL
            elif op == _NULL_TEXT:
                text_at[a, row] = 0
                text_len[a, row] = -1
            elif op in (_BLOCK, _NEXT):
                if op == _BLOCK:
                    depth += 1
                    left[depth] = 0
                    block_ends[depth] = -1
                    if depth == 0:
                        array_start = at
                else:
                    left[depth] -= 1
                if left[depth] > 0:
                    pc = a - 1
                elif block_ends[depth] >= 0 and block_ends[depth] != at:
                    fault = _BAD_BLOCK
                else:
                    left[depth], block_ends[depth], place = read_block(buf, at, stop)
                    if place >= 0:
                        if left[depth] == 0:
                            depth -= 1
                            if op == _BLOCK:
                                pc = a - 1
                        elif op == _NEXT:
                            pc = a - 1
            elif op == _ROW:
                row = base + items
                if row >= capacity:
                    return False
                if items > 0:
                    for slot in range(longs.shape[0]):
                        longs[slot, row] = longs[slot, base]
                    for slot in range(text_at.shape[0]):
                        text_at[slot, row] = text_at[slot, base]
                        text_len[slot, row] = text_len[slot, base]
                items += 1
                row_of[row] = message
                extents[ARRAY_START, row] = array_start
                extents[ITEM_START, row] = at
            elif op == _ROW_END:
                extents[ITEM_END, row] = at
            elif op == _INT:
                value, place = read_long(buf, at, stop)
                if place >= 0 and (value > _INT_MAX or value < -_INT_MAX - 1):
                    fault = _BAD_INT
                elif a >= 0:
                    longs[a, row] = value
            elif op == _FIXED:
                place = at + b
                if b > stop - at:
                    fault = _TRUNCATED
            elif op == _BYTES:
                length, place = read_long(buf, at, stop)
                if place >= 0:
                    if length < 0:
                        fault = _LENGTH
                    elif length > stop - place:
                        fault = _TRUNCATED
                    else:
                        place += length
            if place < 0:
                fault = -place
            if fault != 0 or op == _END:
                break
            at = place
            pc += 1
        if fault != 0:
            number = progress[FAULTS]
            faults[FAULT_MESSAGE, number] = message
            faults[FAULT_CODE, number] = fault
            faults[FAULT_AT, number] = at - start[message]
            faults[FAULT_INSTRUCTION, number] = pc
            progress[FAULTS] += 1
        elif rows_within:
            progress[ROWS] += items
        else:
            row_of[row] = message
            progress[ROWS] += 1
        progress[NEXT] += 1
    return True
