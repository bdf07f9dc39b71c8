"""What stops a load: each message says what to do."""

from runtime.exit import ExitCode, Refusal


class TillsMissing(Refusal):
    """The package with the real tills is not installed."""


class SendFailed(Refusal):
    """Kafka did not take a record."""

    code = ExitCode.TRY_AGAIN


class NotCaughtUp(Refusal):
    """The engine did not fold what was sent in time."""

    code = ExitCode.TRY_AGAIN


class ApiAway(Refusal):
    """Customers are to come, and nobody would answer them."""

    code = ExitCode.TRY_AGAIN


class HorizonTooShort(Refusal):
    """What a load opens could not be closed before it may be forgotten."""


class ProcessEnded(Refusal):
    """A process that was started for a measurement ended by itself."""

    code = ExitCode.TRY_AGAIN
