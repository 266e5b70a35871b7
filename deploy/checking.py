"""What the checks share: a validator that is not on this machine, and the names of secrets."""

from __future__ import annotations

import re
from typing import Final

#: Words of variables that hold secrets; their values stand in no file of the checkout and on no command line.
SECRET: Final = re.compile(r"PASSWORD|BASIC_AUTH|LEDGER_URL|BROKER_URL|REDISCLI_AUTH")


class AbsentError(Exception):
    """A validator is not on this machine; the text says where it comes from."""
