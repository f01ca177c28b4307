"""How long a caller is told to wait: what the provider says, within a bound.

SDKs sleep as long as they are told (Anthropic's without a bound of its own).
"""

from __future__ import annotations

import math
from typing import Final

RETRY_AFTER_MAX_SECONDS: Final = 60
_DIGITS_MAX: Final = 12


def bounded_retry_after(name: bytes, value: bytes) -> bytes:
    """The value of `retry-after` or `retry-after-ms` as a whole number, at most the bound.

    A date, or anything else that is no number, becomes the bound itself.
    """
    most = RETRY_AFTER_MAX_SECONDS * (1000 if name.endswith(b"-ms") else 1)
    whole, _, fraction = value.strip().partition(b".")
    if not (whole.isdigit() and len(whole) <= _DIGITS_MAX and (fraction.isdigit() or not fraction)):
        return b"%d" % most
    return b"%d" % min(most, math.ceil(float(b"%b.%b" % (whole, fraction or b"0"))))
