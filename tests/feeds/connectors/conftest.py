"""The contract's own assertions tell as much as those of a test module."""

import pytest

for _part in (
    "contract",
    "contract_bulk",
    "contract_faults",
    "contract_reads",
    "contract_whole",
    "simulated",
    "trial",
):
    pytest.register_assert_rewrite(f"tests.feeds.connectors.{_part}")
