"""What the log says while the key of seals is replaced."""

import logging
from typing import Final

logger = logging.getLogger(__name__)

NONE_LEFT: Final = "nothing is sealed with the previous key"
CAN_GO: Final = "everything is sealed with the new key: the previous one can be removed"


class SealProgress:
    """Follows the passes of one process.

    Before replicas seal with a new key, all of them get it as the previous one, so that each opens what the others seal. Nothing is
    sealed with it then, and removing it would undo that step. Only a process that has sealed something again knows better.
    """

    def __init__(self, what: str) -> None:
        """Begins before the first pass over `what`, which the log names."""
        self._what = what
        self._has_sealed = False

    def passed(self, changed: int, unknown: int) -> None:
        """Notes a pass that sealed `changed` seals again, and found `unknown` ones that no key opens."""
        self._has_sealed = self._has_sealed or changed > 0
        if changed or unknown:
            logger.info(
                "sealed again with the new key", extra={"what": self._what, "changed": changed, "unknown": unknown}
            )
        else:
            logger.info(CAN_GO if self._has_sealed else NONE_LEFT, extra={"what": self._what})
