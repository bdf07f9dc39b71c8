"""Walmart's shape of an error."""

from feeds.simulator.messages import Given, Refused, document


def error(
    status: int, code: str, description: str, *, field: str = "data", category: str = "REQUEST"
) -> Given:
    """One error; its code has the gateway's suffix."""
    what = {
        "code": f"{code}.GMP_GATEWAY_API",
        "field": field,
        "description": description,
        "info": description,
        "severity": "ERROR",
        "category": category,
        "causes": [],
        "errorIdentifiers": {},
    }
    return document({"errors": [what]}, status)


def refused(code: str, description: str, field: str) -> Refused:
    """Ends a call with 400."""
    return Refused(error(400, code, description, field=field))
