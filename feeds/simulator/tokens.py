"""Access tokens that expire."""

import hashlib


class Tokens:
    """Those that a marketplace has issued, each of one account."""

    def __init__(self, seed: str, life_ms: int) -> None:
        self.life_ms = life_ms
        self.issued = 0
        self._seed = seed
        self._valid: dict[str, tuple[str, int]] = {}

    def issue(self, account: str, now_ms: int) -> str:
        """A new token; older ones stay valid."""
        self.issued += 1
        text = f"{self._seed}\n{account}\n{self.issued}"
        token = hashlib.blake2b(text.encode(), digest_size=24).hexdigest()
        self._valid[token] = (account, now_ms + self.life_ms)
        return token

    def owner(self, token: str | None, now_ms: int) -> str | None:
        """Whose token it is; None: nobody's, or it has expired."""
        if token is None or (found := self._valid.get(token)) is None:
            return None
        account, until_ms = found
        if now_ms >= until_ms:
            del self._valid[token]
            return None
        return account

    def revoke(self, token: str) -> None:
        """It is valid no more."""
        self._valid.pop(token, None)
