"""What README says to do by hand leads to a number."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from runtime.settings import Settings
from tests.dataflows.house import ROOT, api, engine

_SNIPPET = re.compile(
    r"python - <<'PY'\n(.*?)^PY\ncurl 'http://127\.0\.0\.1:8000(\S+)'$", re.MULTILINE | re.DOTALL
)


def test_the_snippet_sends_what_the_api_then_shows(
    ready: Settings, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    found = _SNIPPET.search((ROOT / "README.md").read_text("utf-8"))
    assert found is not None
    program, path = found.groups()
    with engine(ready, tmp_path) as running, api(ready) as url:
        subprocess.run(
            [sys.executable, "-"], input=program, text=True, cwd=ROOT, check=True, timeout=60,
            env=os.environ | ready.environment(),
        )  # fmt: skip
        caught_up()
        assert httpx.get(url + path).json()["available"] == 18  # of 20, with 10 percent safety stock
        assert running.stop() == 0
