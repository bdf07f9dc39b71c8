"""What the processes of `tests.nursery` begin with."""

import availability_api.__main__
import dataflows.__main__
import dataflows.cell
import dataflows.warm

__all__ = ["availability_api", "dataflows"]

dataflows.warm.warm()
