"""The example of docs/connectors.md."""

import re
import sys
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors.md"
TEXT = PAGE.read_text("utf-8")
BLOCK = re.compile(r"^```python (connector|contract)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def module_of_page(name: str = "the_guide", text: str = TEXT) -> ModuleType:
    """The blocks of the page, one after another, as a module; its lines are the page's."""
    module = ModuleType(name)
    sys.modules[module.__name__] = module
    for block in BLOCK.finditer(text):
        above = "\n" * text.count("\n", 0, block.start(2))
        exec(compile(above + block[2], str(PAGE), "exec"), vars(module))
    return module
