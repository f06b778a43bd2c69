"""How many inputs a property test tries: a tenth of what it names, or all with HYPOTHESIS_PROFILE=thorough, as in CI."""

import os

__all__ = ["THOROUGH", "tries"]

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def tries(named: int) -> int:
    """The number of inputs."""
    return named if THOROUGH else max(named // 10, 2)
