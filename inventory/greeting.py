"""How a lane that starts without state learns what the others know, before it folds facts.

1. It reads its master data, says HELLO to every lane, itself too, and asks for the components of its bundles.
2. Each lane answers, once its own master data is read: the aliases it knows and the claims it makes of those that the
   asker is the arbiter of, and the components of its bundles that are the asker's; then a marker (`claims`)
3. With the markers of all lanes the asker may decide as an arbiter; from then on it answers the second part of each
   HELLO it was sent: the aliases it is the arbiter of, then a marker (`aliases`).
4. With those markers of all lanes it is live.

A marker is the last word of an answer, and a partition of `routed` keeps the order.
"""

from inventory.aliases import Aliases
from inventory.batch import Control, ControlKind, Outputs
from inventory.bundles import Bundles

_CLAIMS, _ALIASES = "claims", "aliases"


class Greeting:
    """The words of one lane. `nonce` tells answers to this start from answers to an earlier one.

    `unanswered`: HELLOs heard before this lane could answer; kept over a restart.
    """

    def __init__(self, number: int, lanes: int, nonce: str, aliases: Aliases, bundles: Bundles) -> None:
        self._number = number
        self._lanes = lanes
        self._nonce = nonce
        self._aliases = aliases
        self._bundles = bundles
        self._said = False
        self._markers: dict[str, set[int]] = {_CLAIMS: set(), _ALIASES: set()}
        self._owed: list[Control] = []
        self.unanswered: list[Control] = []
        self.live = False

    def resume(self, unanswered: list[Control]) -> None:
        """A lane with state is live, and knows all it needs to decide."""
        self.live = self._aliases.settled = True
        self.unanswered = unanswered

    def hear_hello(self, hello: Control) -> None:
        self.unanswered.append(hello)

    def hear_marker(self, marker: Control) -> None:
        """A lane has answered; with all of them the greeting goes on."""
        if marker.payload["nonce"] != self._nonce:
            return
        part = self._markers[marker.payload["part"]]
        part.add(int(marker.payload["lane"]))
        self.live = self.live or len(self._markers[_ALIASES]) == self._lanes

    def speak(self, now: int, out: Outputs) -> None:
        """Say HELLO, and answer those of others. The lane's master data has been read."""
        if not self._said and not self.live:
            hello = Control(ControlKind.HELLO, {"lane": self._number, "nonce": self._nonce})
            out.controls += [(lane, hello) for lane in range(self._lanes)]
            out.controls += self._bundles.ask()
        self._said = True
        for hello in self.unanswered:
            out.controls += self._aliases.tell_arbiter(_asker(hello))
            out.controls += self._bundles.ask(lane=_asker(hello))
            out.controls.append(self._marker(_CLAIMS, hello))
        self._owed += self.unanswered
        self.unanswered = []
        if not self._aliases.settled and len(self._markers[_CLAIMS]) == self._lanes:
            self._aliases.settle({_asker(hello) for hello in self._owed}, now, out)
        if self._aliases.settled:
            for hello in self._owed:
                out.controls += self._aliases.tell_decided(_asker(hello))
                out.controls.append(self._marker(_ALIASES, hello))
            self._owed = []

    def _marker(self, part: str, hello: Control) -> tuple[int, Control]:
        payload = {"lane": self._number, "nonce": hello.payload["nonce"], "part": part}
        return _asker(hello), Control(ControlKind.MARKER, payload)


def _asker(hello: Control) -> int:
    return int(hello.payload["lane"])
