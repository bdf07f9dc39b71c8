"""Why a record cannot be read: codes for the kernels, words for people."""

from enum import IntEnum

MAX_TEXT = 500
"""Bytes of one text of a fact: one message must not take a lane's memory by being repeated, line by line."""


class Fault(IntEnum):
    """Why a record cannot be read."""

    TRUNCATED = 1
    OVERLONG = 2
    LENGTH = 3
    TEXT = 4
    BRANCH = 5
    SYMBOL = 6
    BOOLEAN = 7
    INT = 8
    BLOCK = 9
    RESERVED = 10
    LEFTOVER = 11
    NO_ROWS = 12
    LONG_TEXT = 13


FAULT_REASONS = {
    Fault.TRUNCATED: "the message ends within it",
    Fault.OVERLONG: "its number has more than 64 bits",
    Fault.LENGTH: "its length is negative",
    Fault.TEXT: "its text is not UTF-8",
    Fault.BRANCH: "it is of a type that the schema does not have there",
    Fault.SYMBOL: "its symbol is not in the enumeration",
    Fault.BOOLEAN: "its boolean is neither 0 nor 1",
    Fault.INT: "its number has more than 32 bits",
    Fault.BLOCK: "a block of items has another size than it says",
    Fault.RESERVED: "its number is -2^63, which stands for null",
    Fault.LEFTOVER: "bytes follow the record",
    Fault.NO_ROWS: "it is empty, so that nothing is stated",
    Fault.LONG_TEXT: f"its text has more than {MAX_TEXT} bytes",
}
