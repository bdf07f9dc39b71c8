"""Which of two master records is the newer one, where they lie in two partitions.

A topic that has got more partitions keeps in the old one what it had of a sku that has moved to a new one. A lane that
starts without state reads its own partition, and is sent from the other one what is older.
"""

from dataflows.intake import CARRIERS
from inventory.batch import Master


class MasterOrder:
    """The newest records of one lane's own partitions, while it reads its master data. Times in ms."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], int] = {}

    def of(self, masters: list[Master]) -> list[Master]:
        """The records without those that another lane has sent and that are outdone. (How old a deletion is that was
        sent is not known: a record of the own partition outdoes it.)"""
        return [each for each in masters if self._stands(each)]

    def _stands(self, master: Master) -> bool:
        name = master.record, master.key if master.value is None else str(master.value.get("sku", ""))
        if master.carrier == CARRIERS["routed"]:
            own = self._own.get(name)
            return own is None or (master.value is not None and master.message.log_time > own)
        if master.record in ("CatalogItem", "Allocation"):
            self._own[name] = master.message.log_time
        return True
