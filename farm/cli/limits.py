"""`farm limits`: how much of something scarce may be in use at once."""

from __future__ import annotations

import difflib
import sys

from farm.cli.door import service_ledger
from farm.cli.output import answer, print_json
from farm.cli.screens import show, table
from farm.ledger import LimitReport
from schemas.errors import PlanError, UnknownIdError
from schemas.states import LimitScope

SCOPES = [scope.value for scope in LimitScope]
_COUNTS = {LimitScope.INSTANCE: "engine processes that have it loaded", LimitScope.HOST: "hosts on which it is loaded"}


def limits_command(name: str | None, maximum: int | None, scope: str, *, drop: bool, as_json: bool) -> int:
    """List limits, show one, set one or drop one."""
    if scope not in SCOPES:
        raise PlanError(f"--scope {scope}: there is no such scope", hint=f"Known scopes: {', '.join(SCOPES)}")
    if drop and (name is None or maximum is not None):
        raise PlanError("--drop goes with the name of a limit and nothing else", hint="farm limits NAME --drop")
    with service_ledger() as ledger:
        if drop and name is not None:
            ledger.drop_limit(name)
            return answer({"name": name, "dropped": True}, f"limit {name}: dropped", as_json=as_json)
        if name is not None and maximum is not None:
            ledger.set_limit(name, maximum, LimitScope(scope))
            known = ledger.limit_names()
            if name not in known:
                sys.stderr.write(_unknown(name, known))
            said = {"name": name, "max": maximum, "scope": scope, "known": name in known}
            return answer(said, _set(name, maximum, scope), as_json=as_json)
        return _list(ledger.limits(), name, as_json=as_json)


def _list(reports: list[LimitReport], name: str | None, *, as_json: bool) -> int:
    found = [report for report in reports if name in (None, report.name)]
    if name is not None and not found:
        known = ", ".join(report.name for report in reports) or "none is set"
        raise UnknownIdError(
            f"no limit is called {name}", hint=f"Known limits: {known}; `farm limits {name} 4` sets it"
        )
    if as_json:
        print_json(found)
    elif not found:
        sys.stdout.write("no limits are set; `farm limits NAME MAX` sets one\n")
    else:
        rows: list[list[object]] = [[r.name, r.max, r.taken, r.scope] for r in found]
        show(table("limits", ["limit", "max", "taken", "scope"], rows))
    return 0


def _unknown(name: str, known: list[str]) -> str:
    """Say that a limit counts nothing that this farm has seen; it may be set ahead of it all the same."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    nearest = f"; the nearest name is {near[0]}" if near else ""
    return f"note: nothing that this farm has loaded so far is called {name}{nearest}; the limit waits for it\n"


def _set(name: str, maximum: int, scope: str) -> str:
    return f"limit {name}: at most {maximum}, counting {_COUNTS[LimitScope(scope)]}"
