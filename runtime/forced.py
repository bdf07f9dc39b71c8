"""What must outlive a loss of power: bytes and names, forced to disk."""

import os
from pathlib import Path
from typing import BinaryIO


def force(file: BinaryIO) -> None:
    """Return when what was written is on disk. Raises OSError."""
    file.flush()
    os.fdatasync(file.fileno())


def force_folder(folder: Path) -> None:
    """Return when the names in a folder are on disk. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
