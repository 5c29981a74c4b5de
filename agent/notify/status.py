"""How the notifier is, read from its file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from agent.notify.store import held, looking

if TYPE_CHECKING:
    from agent.notify.settings import NotifyFile

ALARMING_COUNTS = ("given up", "damaged", "session lost", "failed")
"""Counts that say that something may not have been told."""

S_A_DAY = 86_400.0


def told(file: NotifyFile, now: float) -> dict[str, Any]:
    """Return the state of broker and targets, the counts, and what is wrong in words.  Raises StoreError."""
    path = file.notify.path
    running = held(path)
    with looking(path) as ledger:
        noted = ledger.noted("broker")
        targets, counts = ledger.targets(), ledger.counts()
    broker = orjson.loads(noted) if noted and running else {"state": "unknown", "since": None}
    known = {target.name for target in file.target}
    reasons = [] if running else ["the notifier does not run"]
    if running and broker["state"] != "online":
        reasons.append(f"not connected: {broker['state']}")
    for target in targets:
        if target["name"] not in known and target["waiting"]:
            reasons.append(f"{target['waiting']} events wait for {target['name']}, which is no target any more")
        elif target["failing_since"] is not None:
            since_s = now - target["failing_since"]
            reasons.append(f"target {target['name']} takes nothing for {since_s:.0f} s: {target['reason']}")
    reasons += [
        f"{one['name']}: {one['n']}; {one['last']}"
        for one in counts
        if one["name"] in ALARMING_COUNTS and now - one["at"] < S_A_DAY
    ]
    return {"ok": not reasons, "reasons": reasons, "broker": broker, "targets": targets, "counts": counts}
