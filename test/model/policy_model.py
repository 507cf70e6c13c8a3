"""What the contract says about a request: sections 5 to 7, as plainly as possible.

Written from DESIGN.md and docs/policies.md; knows nothing of how the server does
it.  FLAWS are deliberate mistakes that the comparison has to notice.
"""
from dataclasses import dataclass, field

import policy_terms as terms
from policy_terms import Failed, glob, label_matches
from policy_world import (ATTRIBUTES, AUTONOMY, DERIVED, FUNCTIONS, SCHEMA_LABELS, SENSITIVITY,
                          TABLES)

FLAWS = [
    "forbid_ignored", "escalate_before_forbid", "null_permit_matches", "error_permit_matches",
    "null_forbid_is_false", "error_escalate_is_false", "columns_not_checked",
    "columns_of_one_permit", "permit_reaches_partitions", "forbid_stays_at_parent",
    "filters_and_ed", "restrict_ignored", "restricts_or_ed", "unfit_filter_opens",
    "unfit_restrict_opens", "null_row_is_shown", "weakest_mask",
    "restricts_masks_do_not_count", "unless_lifts_all", "null_unless_lifts", "label_prefix_loose",
    "label_star_includes_itself", "table_label_does_not_reach_columns",
    "child_has_no_labels", "view_has_no_labels", "matview_has_no_labels",
    "on_behalf_of_ignored", "star_not_for_nobody", "largest_limit", "restricts_limits_ignored",
    "monitor_counts", "delete_touches_nothing", "view_needs_permit", "masked_write_allowed",
    "truncate_with_filter_allowed", "claims_of_nobody_match", "export_without_permit",
    "target_is_most_sensitive",
]


@dataclass
class Policy:
    name: str
    effect: str
    principals: list
    on_behalf_of: list
    actions: list
    resources: list                 # (kind, pattern, columns or None)
    condition: tuple = None         # of terms.CONDITIONS
    row_filter: tuple = None        # of terms.ROWS
    masks: list = field(default_factory=list)    # (target, mask, unless or None)
    limit: int = None               # rows_per_statement
    monitor_only: bool = False


@dataclass
class Access:
    """One relation, or function, role, channel, with one action."""
    kind: str                       # relation, function, role, channel
    name: str
    action: str
    columns: tuple = ()
    through_view: bool = False


@dataclass
class Context:
    """What a condition sees."""
    identity: object
    autonomy: int
    attributes: dict
    action: str
    resource: str
    columns: list
    labels: list
    sensitivity: int
    target_sensitivity: int
    statement_kind: str


@dataclass
class Verdict:
    decision: str
    reason: str
    policy: str
    uncovered: tuple = ()
    matched: list = field(default_factory=list)


class Model:
    def __init__(self, policies, key, flaw=None):
        self.policies = sorted(policies, key=lambda p: p.name.encode())
        self.key, self.flaw = key, flaw

    # --- labels

    def classes(self, table, column):
        """The nearest label: column, same column of parents, table, parents, sources, schema."""
        for level in (self.column_classes(table, column), self.table_classes(table),
                      self.derived_classes(table, column)):
            if level:
                return level
        return SCHEMA_LABELS.get(TABLES[table].schema, [])

    def column_classes(self, table, column):
        t = TABLES[table]
        if column in t.own:
            return t.own[column]
        for parent in t.parents if self.flaw != "child_has_no_labels" else ():
            if column in TABLES[parent].columns and (found := self.column_classes(parent, column)):
                return found
        return []

    def table_classes(self, table):
        t = TABLES[table]
        if t.label and self.flaw != "table_label_does_not_reach_columns":
            return [t.label]
        for parent in t.parents if self.flaw != "child_has_no_labels" else ():
            if found := self.table_classes(parent):
                return found
        return []

    def derived_classes(self, table, column):
        if self.flaw == TABLES[table].kind + "_has_no_labels":
            return []
        return [c for source in DERIVED.get((table, column), ()) for c in self.classes(*source)]

    def label_named(self, pattern, label):
        if self.flaw == "label_prefix_loose" and "*" not in pattern:
            return label.startswith(pattern[:2])
        if self.flaw == "label_star_includes_itself" and pattern.endswith(".*"):
            return label_matches(pattern[:-2], label)
        return label_matches(pattern, label)

    def labelled(self, table, pattern):
        return {c for c in TABLES[table].columns
                if any(self.label_named(pattern, k) for k in self.classes(table, c))}

    @staticmethod
    def sensitivity_of(label):
        while label not in SENSITIVITY:
            label = label.rpartition(".")[0]
        return SENSITIVITY[label]

    # --- which policies match

    def names(self, policy, access):
        """None: not named; else the columns named (all of them for ALL)."""
        if access.kind != "relation":
            return self.names_object(policy, access)
        columns = set()
        found = False
        lineage = [access.name]
        if policy.effect != "permit" or self.flaw == "permit_reaches_partitions":
            if self.flaw != "forbid_stays_at_parent":
                lineage += TABLES[access.name].parents
        for kind, pattern, listed in policy.resources:
            if kind == "label":
                named = self.labelled(access.name, pattern)
                found |= bool(named)
                columns |= named
            elif kind == "any" or (kind == "relation" and any(self.path(pattern, n) for n in lineage)):
                found = True
                columns |= set(TABLES[access.name].columns) if listed is None else \
                    set(listed) & set(TABLES[access.name].columns)
                if listed is None:
                    columns.add("*")
        return columns if found else None

    def names_object(self, policy, access):
        for kind, pattern, _ in policy.resources:
            if kind == "any" or \
                    (kind == access.kind and (self.path(pattern, access.name) if kind == "function"
                                              else glob(pattern, access.name))) or \
                    (kind == "label" and any(self.label_named(pattern, c)
                                             for c in FUNCTIONS.get(access.name, ()))):
                return {"*"}
        return None

    @staticmethod
    def path(pattern, name):
        return all(glob(p, n) for p, n in zip(pattern.split("."), name.split(".")))

    def speaks(self, policy, access, identity):
        root = identity.root if identity.root is not None else ""
        if self.flaw == "star_not_for_nobody" and not root:
            root = "\0"
            chained = any(glob(p, root) and p != "*" for p in policy.on_behalf_of)
        else:
            chained = any(glob(p, root) for p in policy.on_behalf_of)
        if self.flaw == "on_behalf_of_ignored":
            chained = True
        return any(glob(p, identity.agent) for p in policy.principals) and chained and \
            any(glob(p, access.action) for p in policy.actions)

    def context(self, access, touched, identity, kind):
        labels = []
        sensitivity = 0
        if access.kind == "relation":
            for column in touched:
                labels += self.classes(access.name, column)
        else:
            labels = list(FUNCTIONS.get(access.name, ()))
        for label in labels:
            sensitivity = max(sensitivity, self.sensitivity_of(label))
        target = sensitivity if access.kind != "relation" else self.target_sensitivity(access, touched)
        return Context(identity, AUTONOMY[identity.agent], ATTRIBUTES[identity.agent], access.action,
                       access.name, list(touched), labels, sensitivity, target, kind)

    def target_sensitivity(self, access, touched):
        """Of what is written: any of the columns may get any of the values."""
        if access.action in ("select", "export"):
            return 4 if access.action == "select" else 0
        ranks = [max([self.sensitivity_of(c) for c in self.classes(access.name, column)], default=0)
                 for column in touched or TABLES[access.name].columns]
        return min(ranks) if touched and self.flaw != "target_is_most_sensitive" else max(ranks)

    def truth(self, policy, context, access):
        """True, False or None: a filter that does not fit makes it None, too."""
        try:
            value = policy.condition[1](context) if policy.condition else True
        except Failed:
            value = {"error_permit_matches": True if policy.effect == "permit" else None,
                     "error_escalate_is_false": False if policy.effect == "escalate" else None
                     }.get(self.flaw)
        if value is None and self.flaw == "null_permit_matches" and policy.effect == "permit":
            value = True
        if value is None and self.flaw == "null_forbid_is_false" and policy.effect == "forbid":
            value = False
        if value is not False and not self.fits(policy.row_filter, access):
            value = True if self.flaw == "unfit_filter_opens" and value else None
        return value

    @staticmethod
    def fits(row_condition, access):
        return row_condition is None or access.kind != "relation" or \
            all(c in TABLES[access.name].columns for c in row_condition[1])

    def matching(self, access, identity, kind, monitors):
        """(policy, columns) of all that match; columns holds "*" for all of them."""
        touched = access.columns
        if access.action in ("delete", "truncate") and access.kind == "relation" and \
                self.flaw != "delete_touches_nothing":
            touched = tuple(TABLES[access.name].columns)
        context = self.context(access, touched, identity, kind)
        for policy in self.policies:
            if (policy.monitor_only and not monitors) or not self.speaks(policy, access, identity):
                continue
            named = self.names(policy, access)
            if named is None:
                continue
            truth = self.truth(policy, context, access)
            if policy.effect == "permit":
                if truth is True:
                    yield policy, named
            elif truth is not False and ("*" in named or named & set(touched)):
                yield policy, named

    # --- the decision

    def decide(self, access, identity, kind, monitors=False):
        if access.name.startswith("contauth."):
            return Verdict("deny", "forbid", None)
        monitors |= self.flaw == "monitor_counts"
        matched = list(self.matching(access, identity, kind, monitors))
        by_effect = {e: [p for p, _ in matched if p.effect == e]
                     for e in ("permit", "forbid", "escalate", "restrict")}
        permits = [named for p, named in matched if p.effect == "permit"]
        if self.flaw == "columns_of_one_permit":
            permits = permits[:1]
        uncovered = tuple(c for c in access.columns
                          if not any("*" in named or c in named for named in permits))
        if self.flaw == "columns_not_checked":
            uncovered = ()
        if by_effect["forbid"] and self.flaw != "forbid_ignored" and \
                not (self.flaw == "escalate_before_forbid" and by_effect["escalate"]):
            result = Verdict("deny", "forbid", by_effect["forbid"][0].name)
        elif access.through_view and self.flaw != "view_needs_permit":
            result = Verdict("allow", "permit", None)
        elif not by_effect["permit"]:
            result = Verdict("deny", "no_permit", None)
        elif uncovered:
            result = Verdict("deny", "columns_not_permitted", None, uncovered)
        elif by_effect["escalate"]:
            result = Verdict("escalate", "approval_needed", by_effect["escalate"][0].name)
        else:
            result = Verdict("allow", "permit", by_effect["permit"][0].name)
        result.matched = [p for p, _ in matched if p.effect in ("permit", "restrict")]
        return result

    # --- what an allowed access carries

    def row_truth(self, row_condition, row, who, access, unfit):
        if not self.fits(row_condition, access):
            return unfit
        value = row_condition[2](row, who)
        if value is None and self.flaw == "null_row_is_shown":
            return True
        if value is None and self.flaw == "claims_of_nobody_match" and who.tenant is None:
            return True
        return value is True

    def visible(self, verdict, access, row, who):
        permits = [p for p in verdict.matched if p.effect == "permit"]
        restricts = [p for p in verdict.matched if p.effect == "restrict" and p.row_filter]
        shown = [p.row_filter is None or self.row_truth(p.row_filter, row, who, access, False)
                 for p in permits]
        kept = [self.row_truth(p.row_filter, row, who, access, self.flaw == "unfit_restrict_opens")
                for p in restricts]
        if self.flaw == "restrict_ignored":
            kept = []
        if self.flaw == "restricts_or_ed":
            kept = [any(kept)] if kept else []
        return (all(shown) if self.flaw == "filters_and_ed" else any(shown)) and all(kept)

    def filtered(self, verdict):
        """Does the access limit rows at all?"""
        permits = [p for p in verdict.matched if p.effect == "permit"]
        return all(p.row_filter for p in permits) or \
            any(p.effect == "restrict" and p.row_filter for p in verdict.matched)

    def masks(self, verdict, access, column):
        """All masks of a column, the strictest first."""
        found = []
        for policy in verdict.matched:
            if policy.effect == "restrict" and self.flaw == "restricts_masks_do_not_count":
                continue
            for target, mask, unless in policy.masks:
                kind, _, name = target.partition(":")
                names = [access.name, *TABLES[access.name].parents]
                if (kind == "label" and column in self.labelled(access.name, name)) or \
                        any(target == f"{n}.{column}" for n in names):
                    found.append((mask, unless))
        return sorted(found, key=lambda m: terms.strictness(m[0]),
                      reverse=self.flaw == "weakest_mask")

    def shown_value(self, verdict, access, column, row, who):
        value = row[column]
        for mask, unless in self.masks(verdict, access, column):
            lifted = unless is not None and self.lifted(unless, row, who, access)
            if lifted and self.flaw == "unless_lifts_all":
                return value
            if not lifted:
                return terms.apply_mask(mask, value, TABLES[access.name].columns[column], self.key)
        return value

    def lifted(self, unless, row, who, access):
        if not self.fits(unless, access):
            return False
        value = unless[2](row, who)
        return value is True or (value is None and self.flaw == "null_unless_lifts")

    def limit(self, verdicts):
        limits = [p.limit for v in verdicts for p in v.matched if p.limit is not None and
                  not (p.effect == "restrict" and self.flaw == "restricts_limits_ignored")]
        if not limits:
            return None
        return max(limits) if self.flaw == "largest_limit" else min(limits)
