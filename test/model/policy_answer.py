"""What a request comes to: from the verdicts on its accesses to rows and errors."""
import json
from dataclasses import dataclass, field

from policy_model import Access
from policy_world import ATTRIBUTES, TABLES

RANK = {"allow": 0, "escalate": 1, "deny": 2}
SQLSTATES = {"deny": "42501", "escalate": "ZA001"}


class Who:
    """An identity as row conditions see it."""

    def __init__(self, identity):
        self.tenant = identity.tenant
        self.attribute = ATTRIBUTES[identity.agent].get


@dataclass
class Answer:
    """reasons and policies: any of these may be told; rows: sorted, or a number."""
    sqlstate: str
    reasons: set = field(default_factory=set)
    policies: set = field(default_factory=set)
    uncovered: set = field(default_factory=set)
    rows: object = None

    def agrees(self, other):
        """other is what the server said: one reason, one policy, columns named."""
        sqlstate, reason, policy, named, rows = other
        return self.sqlstate == sqlstate and \
            (not self.reasons or reason in self.reasons) and \
            (not self.reasons or policy in self.policies) and \
            (reason != "columns_not_permitted" or named in self.uncovered) and \
            (self.rows is None or self.rows == rows)


def sort(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


class Asked:
    """One request of one identity under one model."""

    def __init__(self, model, request, identity):
        self.model, self.request, self.identity = model, request, identity
        self.who = Who(identity)
        accesses = request.accesses
        if model.flaw == "export_without_permit":
            accesses = [a for a in accesses if a.action != "export"] or accesses
        self.decided = [(a, model.decide(a, identity, request.kind)) for a in accesses]

    def verdict(self, action, name=None):
        """(access, verdict) of an action on a table, None when it does not occur."""
        for access, verdict in self.decided:
            if access.action == action and not access.through_view and name in (None, access.name):
                return access, verdict
        return None

    def answer(self):
        worst = max((v.decision for _, v in self.decided), key=RANK.get)
        # what no approval could make possible is not asked for
        impossible = self.impossible() if worst == "escalate" else None
        if impossible is not None:
            return impossible
        if worst != "allow":
            verdicts = [v for _, v in self.decided if v.decision == worst]
            return Answer(SQLSTATES[worst], {v.reason for v in verdicts},
                          {v.policy for v in verdicts},
                          {frozenset(v.uncovered) for v in verdicts})
        shape = self.request.shape
        if shape in ("insert", "update", "delete"):
            return self.write()
        if shape == "truncate":
            return self.truncate()
        if shape in ("lock", "notify"):
            return Answer("00000", rows=[])
        if shape == "call":
            return self.limited([[1 if self.request.table == "a.f" else 2]])
        return self.limited(self.rows())

    def impossible(self):
        """The refusal of what cannot be done under filters and masks; else None."""
        shape = self.request.shape
        if shape in ("insert", "update", "delete") and self.writes_masked():
            return Answer("42501", {"masked_column_in_write"}, {None})
        answer = self.truncate() if shape == "truncate" else None
        return answer if answer is not None and answer.sqlstate != "00000" else None

    def limited(self, rows, n=None):
        limit = self.model.limit([v for _, v in self.decided])
        n = len(rows) if n is None else n
        if limit is not None and n > limit:
            return Answer("ZA003", {"rows_per_statement"}, {None})
        return Answer("00000", rows=sort(rows))

    # --- reading

    def shown(self, table):
        """The rows of a table as the agent sees them."""
        t = TABLES[table]
        base = t.base or table
        read = [self.verdict(action, base) for action in ("select", "export")]
        read = [r for r in read if r is not None]
        result = []
        for row in TABLES[base].rows:
            row = {c: row.get(c) for c in TABLES[base].columns}
            if not all(self.model.visible(v, a, row, self.who) for a, v in read):
                continue
            seen = {c: self.seen(read, c, row) for c in TABLES[base].columns}
            result.append({c: seen[t.columns_of.get(c, c)] for c in t.columns})
        return result

    def seen(self, read, column, row):
        """A value under the masks of all actions that read it."""
        access, verdict = read[0]
        if len(read) > 1:
            verdict = type(verdict)("allow", "permit", None, (), verdict.matched + read[1][1].matched)
        return self.model.shown_value(verdict, access, column, row, self.who)

    def rows(self):
        r = self.request
        rows = self.shown(r.table)
        if r.where:
            rows = [row for row in rows if r.where[2](row[r.where[1]])]
        if r.shape == "count":
            return [[len(rows)]]
        if r.shape == "whole":
            return [[row] for row in rows]
        if r.shape == "join":
            return [[row[r.columns[0]], two[r.columns[1]]] for row in rows
                    for two in self.shown(r.other)
                    if two["id"] == row["id"] and row["id"] is not None]
        return [[row[c] for c in r.columns] for row in rows]

    # --- writing

    def masked(self, verdict, access, columns):
        return any(self.model.masks(verdict, access, c) for c in columns)

    def writes_masked(self):
        """Does it assign to, or read for its decision, a masked column?"""
        r = self.request
        if self.model.flaw == "masked_write_allowed":
            return False
        select = self.verdict("select")
        if r.where and self.masked(select[1], select[0], [r.where[1]]):
            return True
        if r.shape == "update":
            access, verdict = self.verdict("update")
            advice = Access("relation", r.table, "select", tuple(r.values))
            return self.masked(verdict, access, r.values) or \
                self.masked(self.model.decide(advice, self.identity, r.kind), advice, r.values)
        return r.shape == "insert" and self.masked(*reversed(self.verdict("insert")), r.values)

    def write(self):
        r = self.request
        if self.writes_masked():
            return Answer("42501", {"masked_column_in_write"}, {None})
        if r.shape == "insert":
            touched = [{c: r.values.get(c) for c in TABLES[r.table].columns}]
            if not all(self.model.visible(v, a, touched[0], self.who) for a, v in self.decided):
                return Answer("42501", {None}, {None})
        else:
            touched = [row for row in self.raw_rows()
                       if (not r.where or r.where[2](row[r.where[1]])) and
                       all(self.model.visible(v, a, row, self.who) for a, v in self.decided)]
        rows = []
        if r.columns:
            access, verdict = self.verdict("select")
            rows = [[self.model.shown_value(verdict, access, r.columns[0], {**row, **r.values},
                                            self.who)] for row in touched]
        limited = self.limited(rows, len(touched))
        if limited.sqlstate == "00000" and not r.columns:
            limited.rows = len(touched)
        return limited

    def raw_rows(self):
        columns = TABLES[self.request.table].columns
        return [{c: row.get(c) for c in columns} for row in TABLES[self.request.table].rows]

    def truncate(self):
        access, verdict = self.verdict("truncate")
        bound = self.model.filtered(verdict) or \
            self.masked(verdict, access, TABLES[access.name].columns)
        if bound and self.model.flaw != "truncate_with_filter_allowed":
            return Answer("42501", {"obligation_not_enforceable"}, {None})
        return Answer("00000", rows=[])
