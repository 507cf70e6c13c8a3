"""What a delegation chain means, written from the contract.

This is the model that the server is compared with.  It is made from DESIGN.md
(sections 3, 4, 5, 6, 13) and README, not from the C code, and it judges what
is presented (claims, headers, which key really signed), not what the generator
meant to build.  Where the contract leaves open which of several defects is
named, it answers with all of them.

A Model can be given one deliberate flaw by name (FLAWS), to show that the
comparison notices it.
"""
from dataclasses import dataclass, field

from chain_jws import digest
from chain_terms import (as_list, audience_fits, covered, details_well_formed, domain_of,
                         evaluate, grant_well_formed, is_spiffe, is_text, matches,
                         names_columns, passes)

DENIED, NO_IDENTITY, BAD_CHAIN, ALLOWED = "42501", "28000", "ZA002", "00000"
MAX_GRANTS = 16                     # also of what is nested in a token

FLAWS = (
    "ignore_labels_max", "ignore_root_hop", "ignore_last_hop", "any_hop",
    "ignore_token_authority", "ignore_purpose", "ignore_other_types",
    "element_covers_all", "ignore_max_depth", "ignore_depth_limit",
    "ignore_expiry", "ignore_audience", "ignore_prf", "ignore_signer",
    "ignore_loop", "ignore_chain_agents", "ignore_contradiction",
    "ignore_ceiling", "unknown_is_false", "ignore_on_behalf_of",
    "ignore_restrict",
)


# --- the world ---------------------------------------------------------------

@dataclass
class Issuer:
    domain: str
    keys: set                       # key IDs; a key's name is its ID


@dataclass
class Agent:
    roles: set
    autonomy: int
    state: str = "active"
    expired: bool = False
    keys: set = field(default_factory=set)

    def usable(self):
        return self.state == "active" and not self.expired


@dataclass
class Policy:
    name: str
    effect: str
    principals: tuple
    on_behalf_of: tuple
    actions: tuple
    resources: tuple
    condition: tuple = None         # a tree, see evaluate()
    row_filter: tuple = None        # (operator, number) over column id


@dataclass
class World:
    audience: str
    now: int
    max_depth: int
    issuers: dict
    agents: dict
    tables: dict                    # name: {column: classes}
    sensitivity: dict               # class: 0..4
    rows: tuple                     # the ids that every table holds
    policies: list = field(default_factory=list)


@dataclass(frozen=True)
class Access:
    action: str
    columns: frozenset


@dataclass(frozen=True)
class Request:
    """A statement: what it needs, and the id of the row that it adds."""
    sql: str
    table: str
    accesses: tuple
    new_id: object = None           # of an INSERT; None: NULL
    narrowed: object = None         # WHERE id = narrowed


@dataclass
class Identity:
    actor: str
    principals: list
    autonomy: int
    purpose: object                 # signed; None: none
    authorities: list               # of the token and of every grant
    expires: int

    @property
    def depth(self):
        return len(self.principals) - 1

    @property
    def on_behalf_of(self):
        return self.principals[0] if self.depth else None


@dataclass
class Refusal:
    """No identity, or no chain: the SQLSTATEs that may say so, and why."""
    codes: set
    why: list


@dataclass
class Answer:
    codes: set
    reasons: set = field(default_factory=set)
    rows: object = None             # None: not predicted
    by_policy: bool = True          # what the policies alone say


# --- the model -----------------------------------------------------------------

class Model:
    """Answers for one world."""

    def __init__(self, world, flaw=None):
        assert flaw is None or flaw in FLAWS, flaw
        self.world, self.flaw = world, flaw

    # who is it

    def authenticate(self, role, token, grants):
        """Identity or Refusal.  grants is None, or a list of Jws."""
        principals = self.token_chain(token.claims)
        if principals is None:
            return Refusal({NO_IDENTITY}, ["act claim"])
        why_token = self.token_defects(role, token, principals)
        why_chain = self.chain_defects(principals)
        named = principals
        if grants is not None:
            why_chain += self.grant_defects(grants, principals)
            if not why_chain:
                named = [g.claims["iss"] for g in grants] + [grants[-1].claims["sub"]]
                why_chain += self.chain_defects(named)
        if len(principals) - 1 > MAX_GRANTS:
            why_token.append("more delegations in a token than any chain may have")
        if why_token or why_chain:
            return Refusal({NO_IDENTITY for _ in why_token}
                           | {BAD_CHAIN for _ in why_chain}, why_token + why_chain)
        return self.identity(token.claims, grants or [], named)

    def identity(self, claims, grants, principals):
        ceilings = [g.claims.get("autonomy", 5) for g in grants]
        if self.flaw == "ignore_ceiling":
            ceilings = []
        # the token's own purpose is what its requests are for, no limit to it
        authorities = [({k: v for k, v in claims.items() if k != "purpose"})]
        authorities += [g.claims for g in grants]
        if self.flaw == "ignore_token_authority":
            del authorities[0]
        if self.flaw == "ignore_root_hop":
            del authorities[1:2]
        if self.flaw == "ignore_last_hop" and grants:
            del authorities[-1]
        actor = principals[-1]
        return Identity(actor, principals,
                        min([self.world.agents[actor].autonomy] + ceilings),
                        claims.get("purpose"), authorities,
                        min([claims["exp"]] + [g.claims["exp"] for g in grants]))

    @staticmethod
    def token_chain(claims):
        """Root to actor; None when the act claim makes no sense."""
        issuer, names, act = claims.get("iss"), [], claims.get("act")
        while act is not None:
            if (not isinstance(act, dict) or not is_text(act.get("sub"))
                    or not is_spiffe(act["sub"]) and act.get("iss", issuer) != issuer):
                return None
            names.insert(0, act["sub"])
            act = act.get("act")
        names.insert(0, claims["sub"])
        return [n if is_spiffe(n) else f"{issuer}|{n}" for n in names]

    def token_defects(self, role, token, principals):
        world, claims, why = self.world, token.claims, []
        if "iss" in claims:
            issuers = [world.issuers[claims["iss"]]] if claims["iss"] in world.issuers else []
        else:
            issuers = [i for i in world.issuers.values()
                       if i.domain == domain_of(claims["sub"])]
            if token.header["alg"] == "EdDSA":
                why.append("a JWT-SVID signed with EdDSA")
        if not any(self.signed(token, i.keys) for i in issuers):
            why.append("signature of the token")
        elif any(is_spiffe(p) and domain_of(p) not in {i.domain for i in issuers}
                 for p in principals):
            why.append("the issuer does not speak for this trust domain")
        if claims["exp"] <= world.now:
            why.append("token expired")
        if claims.get("nbf", 0) > world.now:
            why.append("token not yet valid")
        if not audience_fits(claims, world.audience):
            why.append("audience of the token")
        if not details_well_formed(claims):
            why.append("authorization_details of the token")
        agent = world.agents.get(principals[-1])
        if agent is None or not agent.usable() or role not in agent.roles:
            why.append("the actor is not an agent that may work as this role")
        return why

    def signed(self, jws, keys):
        if self.flaw == "ignore_signer":
            return True
        return jws.header["kid"] in keys and jws.signer == jws.header["kid"]

    def chain_defects(self, principals):
        """Of every chain, whoever says it."""
        world, why = self.world, []
        if len(set(principals)) < len(principals) and self.flaw != "ignore_loop":
            why.append("loop")
        if len(principals) - 1 > world.max_depth and self.flaw != "ignore_depth_limit":
            why.append("deeper than contauth.max_delegation_depth")
        for prior in principals[:-1]:
            agent = world.agents.get(prior)
            if agent and not agent.usable() and self.flaw != "ignore_chain_agents":
                why.append(f"{prior} is suspended, retired or expired")
        return why

    def grant_defects(self, grants, token_principals):
        if not 1 <= len(grants) <= MAX_GRANTS:
            return ["number of grants"]
        if not all(grant_well_formed(g.claims) for g in grants):
            return ["malformed claim"]
        why = []
        for i, grant in enumerate(grants):
            why += self.one_grant(grant, grants[i - 1] if i else None,
                                  len(grants) - 1 - i)
        if grants[-1].claims["sub"] != token_principals[-1]:
            why.append("the last grant does not name the actor")
        named = [g.claims["iss"] for g in grants] + [grants[-1].claims["sub"]]
        if (len(token_principals) > 1 and named != token_principals
                and self.flaw != "ignore_contradiction"):
            why.append("token and grants tell different chains")
        return why

    def one_grant(self, grant, parent, further):
        claims, flaw, why = grant.claims, self.flaw, []
        if not self.signed(grant, self.keys_of(claims["iss"])):
            why.append("signature of a grant")
        if claims["exp"] <= self.world.now and flaw != "ignore_expiry":
            why.append("grant expired")
        if max(claims["iat"], claims.get("nbf", 0)) > self.world.now:
            why.append("grant not yet valid")
        if not audience_fits(claims, self.world.audience) and flaw != "ignore_audience":
            why.append("audience of a grant")
        if (claims.get("prf") != (digest(parent.text) if parent else None)
                and flaw != "ignore_prf"):
            why.append("prf")
        if parent and parent.claims["sub"] != claims["iss"]:
            why.append("grant by somebody whom the one before does not name")
        if further > claims.get("max_depth", further) and flaw != "ignore_max_depth":
            why.append("deeper than a grant's max_depth")
        return why

    def keys_of(self, principal):
        """An agent signs with its own keys, a person with the issuer's."""
        if is_spiffe(principal):
            agent = self.world.agents.get(principal)
            return agent.keys if agent else set()
        issuer, bar, _ = principal.partition("|")
        known = self.world.issuers.get(issuer) if bar else None
        return known.keys if known else set()

    # what may it do

    def decide(self, who, session_purpose, request):
        """Answer to a request of an Identity."""
        purpose = who.purpose or session_purpose
        ctx = {"autonomy": who.autonomy, "depth": who.depth, "purpose": purpose,
               "on_behalf_of": who.on_behalf_of, "chain": who.principals}
        reasons, by_policy, filters = set(), True, []
        for access in request.accesses:
            reason, row_filter = self.policies_say(who, ctx, request.table, access)
            if reason:
                reasons.add(reason)
                by_policy = False
            if not self.chain_allows(who, purpose, request.table, access):
                reasons.add("delegation")
            filters.append(row_filter)
        if reasons:
            return Answer({DENIED}, reasons, by_policy=by_policy)
        return self.rows(request, filters)

    @staticmethod
    def rows(request, filters):
        """Which rows the filters leave; a row that is added must pass them."""
        if request.accesses[0].action == "insert":
            if all(f(request.new_id) for f in filters):
                return Answer({ALLOWED}, rows=1)
            return Answer({DENIED}, {"server"}, by_policy=False)
        return Answer({ALLOWED}, rows=lambda ids: sum(
            all(f(i) for f in filters) for i in ids
            if request.narrowed in (None, i)))

    def policies_say(self, who, ctx, table, access):
        """(reason of a denial or None, filter of rows)."""
        permits, restricts = [], []
        for policy in self.world.policies:
            if not self.applies(policy, who, ctx, table, access):
                continue
            if policy.effect == "forbid":
                return "forbid", None
            (permits if policy.effect == "permit" else restricts).append(policy)
        if not permits:
            return "no_permit", None
        columns = set()
        for policy in permits:
            columns |= self.columns_of(policy.resources, table)
        if not access.columns <= columns:
            return "columns_not_permitted", None
        if self.flaw == "ignore_restrict":
            restricts = []
        return None, lambda row_id: (
            any(passes(p.row_filter, row_id) for p in permits)
            and all(passes(p.row_filter, row_id) for p in restricts))

    def columns_of(self, resources, table):
        """The columns that resources name; None: none names the table."""
        named = [covered(r, table, self.world.tables[table]) for r in resources]
        named = [n for n in named if n is not None]
        return set().union(*named) if named else None

    def applies(self, policy, who, ctx, table, access):
        return (any(matches(p, who.actor) for p in policy.principals)
                and any(matches(a, access.action) for a in policy.actions)
                and self.for_whom(policy, who)
                and self.on_what(policy, table, access)
                and self.condition_holds(policy, ctx))

    def for_whom(self, policy, who):
        """The pattern * is for everybody, also when there is nobody."""
        if self.flaw == "ignore_on_behalf_of" or "*" in policy.on_behalf_of:
            return True
        return who.on_behalf_of is not None and any(
            matches(p, who.on_behalf_of) for p in policy.on_behalf_of)

    def touched(self, table, access):
        """Who removes rows touches every column of them."""
        return set(self.world.tables[table]) if access.action == "delete" else access.columns

    def on_what(self, policy, table, access):
        """A permit is for a table; others that name columns, for touching them."""
        for resource in policy.resources:
            named = covered(resource, table, self.world.tables[table])
            if named is not None and (policy.effect == "permit"
                                      or not names_columns(resource)
                                      or named & self.touched(table, access)):
                return True
        return False

    def condition_holds(self, policy, ctx):
        if policy.condition is None:
            return True
        value = evaluate(policy.condition, ctx)
        if policy.effect == "permit" or self.flaw == "unknown_is_false":
            return value is True
        return value is not False

    # what does the chain leave

    def chain_allows(self, who, purpose, table, access):
        verdicts = [self.hop_allows(a, purpose, table, access) for a in who.authorities]
        return any(verdicts + [not verdicts]) if self.flaw == "any_hop" else all(verdicts)

    def hop_allows(self, claims, purpose, table, access):
        if "purpose" in claims and not self.purpose_fits(claims["purpose"], purpose):
            return False
        if "authorization_details" not in claims:
            return True
        left = []
        for element in claims["authorization_details"]:
            columns = self.element_leaves(element, purpose, table, access)
            if columns is not None:
                left.append(columns)
        touched = self.touched(table, access)
        if self.flaw == "element_covers_all":
            return any(touched <= columns for columns in left)
        return bool(left) and touched <= set().union(*left)

    def purpose_fits(self, wanted, purpose):
        return self.flaw == "ignore_purpose" or purpose in as_list(wanted)

    def element_leaves(self, element, purpose, table, access):
        """The columns that one element opens; None: it is for something else."""
        if element["type"] != "contauth":
            return set(self.world.tables[table]) if self.flaw == "ignore_other_types" else None
        if not any(matches(a, access.action) for a in element.get("actions", ["*"])):
            return None
        if "purpose" in element and not self.purpose_fits(element["purpose"], purpose):
            return None
        columns = self.columns_of(element.get("locations", ["*"]), table)
        if columns is None or "labels_max" not in element or self.flaw == "ignore_labels_max":
            return columns
        return {c for c in columns if self.rank(table, c) <= element["labels_max"]}

    def rank(self, table, column):
        """Without a label: 0.  A class that is not ranked has that of the one above."""
        ranks = [0]
        for name in self.world.tables[table][column]:
            while name not in self.world.sensitivity:
                name = name.rpartition(".")[0]
            ranks.append(self.world.sensitivity[name])
        return max(ranks)
