"""Secrets never reach a log or an error: passwords in URLs and in `name=value` options become ***."""

import re

_URL_PASSWORD = re.compile(r"(?P<head>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*):[^\s/]*@")
_OPTION = re.compile(
    r"(?P<name>[\w.-]*(?:password|passwd|secret|token|authorization|api[_-]?key))"
    r"(?P<gap>\"?'?\s*[=:]\s*(?:bearer\s+)?\"?'?)(?P<value>[^\s,\"'}&]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the passwords of URLs and of password-like options replaced by ***."""
    return _OPTION.sub(r"\g<name>\g<gap>***", _URL_PASSWORD.sub(r"\g<head>:***@", text))
