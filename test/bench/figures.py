# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What a benchmark says: rows of figures, each with its samples, its peer and its goal."""
import statistics


def quantile(values, share):
    """The value below which that share of the values lies; no interpolation, the worse neighbour."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def in_turns(ways, turn):
    """The ways in the order of a turn: whoever was first is last in the next."""
    return list(ways) if turn % 2 == 0 else list(reversed(ways))


def less(done, wanted, unit):
    """What of a goal was done, when that is not all: what a row's short says."""
    return None if done >= wanted else f"{done:,} of {wanted:,} {unit}"


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "runs": len(values)}


class Goal:
    """A bound on one figure of a row: the median or the worst of ours, or the ratio to the peer.

    runs is how many samples the goal speaks of: fewer cannot meet it, though they can miss it."""

    def __init__(self, figure, sign, bound, text=None, runs=1):
        assert figure in ("median", "worst", "ratio") and sign in ("<=", ">=")
        self.figure, self.sign, self.bound, self.runs = figure, sign, bound, runs
        self.text = text or {"median": "", "worst": "each ", "ratio": "ratio "}[figure] + \
            f"{sign} {bound:g}"

    def is_met(self, row):
        if self.figure == "ratio":
            value = row.ratio()
        elif self.figure == "worst":
            value = (max if self.sign == "<=" else min)(row.ours)
        else:
            value = statistics.median(row.ours)
        if value is None:
            return None
        return value <= self.bound if self.sign == "<=" else value >= self.bound


class Row:
    """One measure: what weft needs, what the peer needs in the same run, and what was to be reached.

    Samples are taken in turns; the ratio is that of the medians. A row without samples says why.
    short says what the goal asks for beyond what was done ("6 of 24 h"): so little cannot meet it.
    why is told where the goal is missed: the reason, and what was tried. kept names the test of a
    promise that is no figure; short says of it, too, how far that goes.
    """

    def __init__(self, group, measure, unit, ours=(), peer=None, theirs=(), goal=None, note=None,
                 missing=None, short=None, why=None, kept=None):
        self.group, self.measure, self.unit = group, measure, unit
        self.ours, self.theirs = list(ours), list(theirs)
        self.peer, self.goal, self.note, self.kept = peer, goal, note, kept
        self.missing = missing if missing or self.ours or kept else "nothing was measured"
        if goal and len(self.ours) < goal.runs:
            short = f"{len(self.ours)} of {goal.runs} runs"
        self.short = short
        self.why = why if self.is_met() is False else None

    def ratio(self):
        if not self.ours or not self.theirs or statistics.median(self.theirs) == 0:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def is_met(self):
        met = self.goal.is_met(self) if self.goal and self.ours else None
        return None if met and self.short else met

    def verdict(self):
        if self.missing:
            return "not measured"
        if self.kept:
            return f"by a test, so far {self.short}" if self.short else "by a test"
        if self.goal and self.short and self.goal.is_met(self):
            return f"so far ({self.short})"
        return {None: "-", True: "met", False: "MISSED"}[self.is_met()]

    def as_json(self):
        return {"group": self.group, "measure": self.measure, "unit": self.unit,
                "weft": spread(self.ours) if self.ours else None,
                "peer": {"name": self.peer, **(spread(self.theirs) if self.theirs else {})}
                if self.peer else None,
                "ratio": self.ratio(), "goal": self.goal.text if self.goal else None,
                "met": self.is_met(), "short": self.short, "note": self.note,
                "missing": self.missing, "why": self.why, "kept": self.kept}
