"""`python -m dataflows checkpoints`: what there is to restore from."""

import time

from runtime.checkpoints import Checkpoint, Checkpoints, check
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings


def list_checkpoints(settings: Settings) -> ExitCode:
    """Print a line for each checkpoint, after reading all of it; DIFFERENT where one is damaged, or a lane has none of
    this generation. Raises `Refusal` without a folder to look at."""
    folder = settings.checkpoint_dir
    if folder is None:
        raise Refusal(
            "STOCKTIDE_CHECKPOINT_DIR is not set: write the folder that the engine copies its lanes to"
        )
    all_well = True
    for lane in range(settings.partitions):
        at = Checkpoints(folder, lane, settings.partitions, settings.generation)
        found = [check(checkpoint) for checkpoint in at.every()]
        for checkpoint in found:
            print(f"lane {lane}  generation {checkpoint.generation}  {_line(checkpoint)}")
        if not any(each.generation == settings.generation for each in found):
            print(f"lane {lane}  none of generation {settings.generation}")
            all_well = False
        all_well = all_well and not any(each.damage for each in found)
    return ExitCode.DRAINED if all_well else ExitCode.DIFFERENT


def _line(checkpoint: Checkpoint) -> str:
    manifest = checkpoint.manifest
    if manifest is None:
        return f"DAMAGED: {checkpoint.damage}  {checkpoint.path}"
    age = (time.time() * 1000 - manifest.taken_at) / 1000
    state = f"DAMAGED: {checkpoint.damage}" if checkpoint.damage else "whole"
    offsets = " ".join(f"{topic}={offset}" for topic, offset in sorted(manifest.commit.position.next.items()))
    return f"{age:.0f} s old  {manifest.bytes} bytes  {state}  {checkpoint.path}  {offsets}"
