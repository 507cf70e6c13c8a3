/*-------------------------------------------------------------------------
 *
 * unit_decide.c
 *	  The algebra of policies alone: no server, no catalogs, no SQL.
 *
 * Every combination of up to three rules is compared with the words of the
 * contract (section 6) put down in another form, and laws that hold for any
 * set of rules are tried on random ones.
 *
 * A failure means that a forbid is passed over, that something is allowed
 * which no permit covers, or that a doubt widens what an agent may do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/decide.h"

#include "tap.h"

#define WORD_BITS	64
#define COLUMN_A	1
#define COLUMN_B	2

/* --- what decide.c uses of the server: sets of numbers below 64 -------------- */

static char arena[1 << 20];
static Size arena_used = 0;

static Bitmapset *
new_set(uint64 bits)
{
	Bitmapset  *set = (Bitmapset *) (arena + arena_used);

	if (bits == 0)
		return NULL;
	arena_used += MAXALIGN(sizeof(Bitmapset) + sizeof(uint64));
	if (arena_used > sizeof(arena))
		abort();
	set->nwords = 1;
	memcpy(set->words, &bits, sizeof(bits));
	return set;
}

static uint64
bits_of(const Bitmapset *set)
{
	uint64		bits = 0;

	if (set != NULL)
		memcpy(&bits, set->words, sizeof(bits));
	return bits;
}

Bitmapset *
bms_add_member(Bitmapset *a, int x)
{
	return new_set(bits_of(a) | UINT64CONST(1) << x);
}

int
bms_next_member(const Bitmapset *a, int prevbit)
{
	for (int i = prevbit + 1; i < WORD_BITS; i++)
	{
		if (bits_of(a) >> i & 1)
			return i;
	}
	return -2;
}

bool
bms_overlap(const Bitmapset *a, const Bitmapset *b)
{
	return (bits_of(a) & bits_of(b)) != 0;
}

bool
bms_is_subset(const Bitmapset *a, const Bitmapset *b)
{
	return (bits_of(a) & ~bits_of(b)) == 0;
}

Bitmapset *
bms_copy(const Bitmapset *a)
{
	return new_set(bits_of(a));
}

Bitmapset *
bms_difference(const Bitmapset *a, const Bitmapset *b)
{
	return new_set(bits_of(a) & ~bits_of(b));
}

Bitmapset *
bms_del_members(Bitmapset *a, const Bitmapset *b)
{
	return bms_difference(a, b);
}

void
bms_free(Bitmapset *a)
{
}

#ifndef bms_is_empty
bool
bms_is_empty(const Bitmapset *a)
{
	return bits_of(a) == 0;
}
#endif

/* --- the contract, in sets and quantifiers ----------------------------------- */

/* One rule as plain numbers. */
typedef struct Plain
{
	CaEffect	effect;
	CaTruth		condition;
	bool		all;
	uint64		columns;
	bool		approves;
} Plain;

/* The set of rules of an effect that match. */
static uint64
matching(const Plain *rules, int n, CaEffect effect, uint64 touched)
{
	uint64		set = 0;

	for (int i = 0; i < n; i++)
	{
		bool		holds = effect == CA_EFFECT_PERMIT ?
			rules[i].condition == CA_TRUE :
			rules[i].condition != CA_FALSE && (rules[i].all || (rules[i].columns & touched) != 0);

		if (rules[i].effect == effect && holds)
			set |= UINT64CONST(1) << i;
	}
	return set;
}

/* The columns that no rule of a set covers. */
static uint64
not_covered(const Plain *rules, uint64 set, uint64 columns)
{
	for (int i = 0; i < WORD_BITS; i++)
	{
		if (set >> i & 1)
			columns &= rules[i].all ? 0 : ~rules[i].columns;
	}
	return columns;
}

static int
first_of(uint64 set)
{
	return set == 0 ? -1 : __builtin_ctzll(set);
}

/* Is the verdict what section 6 says of these rules? */
static bool
is_right(const CaVerdict *verdict, const Plain *rules, int n, uint64 columns,
		 uint64 touched)
{
	uint64		forbids = matching(rules, n, CA_EFFECT_FORBID, touched);
	uint64		permits = matching(rules, n, CA_EFFECT_PERMIT, touched);
	uint64		escalates = matching(rules, n, CA_EFFECT_ESCALATE, touched);
	uint64		restricts = matching(rules, n, CA_EFFECT_RESTRICT, touched);
	uint64		open = not_covered(rules, permits, columns);
	CaReason	reason = forbids != 0 ? CA_REASON_FORBID :
		permits == 0 ? CA_REASON_NO_PERMIT :
		open != 0 ? CA_REASON_COLUMNS :
		escalates != 0 && !rules[first_of(permits)].approves ? CA_REASON_ESCALATE : CA_REASON_PERMIT;
	CaDecision	decision = reason == CA_REASON_PERMIT ? CA_DECISION_ALLOW :
		reason == CA_REASON_ESCALATE ? CA_DECISION_ESCALATE : CA_DECISION_DENY;
	uint64		deciding = reason == CA_REASON_FORBID ? forbids :
		reason == CA_REASON_ESCALATE ? escalates :
		reason == CA_REASON_PERMIT ? permits : 0;

	return verdict->decision == decision && verdict->reason == reason &&
		verdict->deciding == first_of(deciding) &&
		bits_of(verdict->matched) == (forbids | permits | escalates | restricts) &&
		bits_of(verdict->uncovered) == open;
}

/* --- asking ------------------------------------------------------------------- */

static CaVerdict
ask(const Plain *rules, int n, uint64 columns, uint64 touched)
{
	CaRule		made[WORD_BITS];

	arena_used = 0;
	for (int i = 0; i < n; i++)
	{
		made[i].effect = rules[i].effect;
		made[i].condition = rules[i].condition;
		made[i].all_columns = rules[i].all;
		made[i].columns = new_set(rules[i].columns);
		made[i].approves = rules[i].approves;
	}
	return ca_decide(made, n, new_set(columns), new_set(touched));
}

/* The number-th of the 60 rules over two columns. */
static Plain
nth_rule(int number)
{
	Plain		rule;
	int			shape = number % 5;

	rule.effect = (CaEffect) (number / 5 % 4);
	rule.condition = (CaTruth) (number / 20);
	rule.all = shape == 4;
	rule.columns = rule.all ? 0 : (uint64) shape << COLUMN_A;
	rule.approves = false;
	return rule;
}

static void
test_every_combination(void)
{
	int			wrong = 0;
	int			asked = 0;
	char		name[100];

	for (int n = 0; n <= 3; n++)
	{
		int			sets = n == 0 ? 1 : n == 1 ? 60 : n == 2 ? 3600 : 216000;

		for (int set = 0; set < sets; set++)
		{
			Plain		rules[3] = {nth_rule(set % 60), nth_rule(set / 60 % 60), nth_rule(set / 3600)};

			for (int c = 0; c < 8; c++)
			{
				uint64		columns = (uint64) (c % 4) << COLUMN_A;
				uint64		touched = c < 4 ? columns : 3 << COLUMN_A;
				CaVerdict	verdict = ask(rules, n, columns, touched);

				wrong += !is_right(&verdict, rules, n, columns, touched);
				asked++;
			}
		}
	}
	snprintf(name, sizeof(name), "%d of %d as the contract says", asked - wrong, asked);
	tap_ok(wrong == 0 && asked == 8 * (1 + 60 + 3600 + 216000), "combinations", name);
}

/* --- what the contract's sentences come to ------------------------------------- */

static const struct
{
	const char *name;
	int			n;
	Plain		rules[4];
	uint64		columns;
	CaDecision	decision;
	CaReason	reason;
	int			deciding;
}			sentences[] =

{
#define ALL(effect, truth)	{CA_EFFECT_##effect, CA_##truth, true, 0, false}
#define GLASS	{CA_EFFECT_PERMIT, CA_TRUE, true, 0, true}
#define SOME(effect, truth, bits)	{CA_EFFECT_##effect, CA_##truth, false, bits, false}
	{"default deny", 0, {ALL(PERMIT, FALSE)}, 2, CA_DECISION_DENY, CA_REASON_NO_PERMIT, -1},
	{"a permit", 1, {ALL(PERMIT, TRUE)}, 2, CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"any forbid", 3, {ALL(PERMIT, TRUE), ALL(ESCALATE, TRUE), ALL(FORBID, TRUE)}, 2,
	CA_DECISION_DENY, CA_REASON_FORBID, 2},
	{"no permit", 2, {ALL(RESTRICT, TRUE), ALL(ESCALATE, TRUE)}, 2, CA_DECISION_DENY, CA_REASON_NO_PERMIT, -1},
	{"any escalate", 3, {ALL(PERMIT, TRUE), ALL(ESCALATE, TRUE), ALL(ESCALATE, TRUE)}, 2,
	CA_DECISION_ESCALATE, CA_REASON_ESCALATE, 1},
	{"a restriction alone changes nothing", 2, {ALL(RESTRICT, TRUE), ALL(PERMIT, TRUE)}, 2,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 1},
	{"a permit that is false", 1, {ALL(PERMIT, FALSE)}, 2, CA_DECISION_DENY, CA_REASON_NO_PERMIT, -1},
	{"a permit that fails", 1, {ALL(PERMIT, UNKNOWN)}, 2, CA_DECISION_DENY, CA_REASON_NO_PERMIT, -1},
	{"a forbid that fails", 2, {ALL(PERMIT, TRUE), ALL(FORBID, UNKNOWN)}, 2,
	CA_DECISION_DENY, CA_REASON_FORBID, 1},
	{"a forbid that is false", 2, {ALL(PERMIT, TRUE), ALL(FORBID, FALSE)}, 2,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"an escalate that fails", 2, {ALL(PERMIT, TRUE), ALL(ESCALATE, UNKNOWN)}, 2,
	CA_DECISION_ESCALATE, CA_REASON_ESCALATE, 1},
	{"a column that no permit covers", 2, {SOME(PERMIT, TRUE, 2), SOME(PERMIT, FALSE, 4)}, 6,
	CA_DECISION_DENY, CA_REASON_COLUMNS, -1},
	{"columns that two permits cover", 2, {SOME(PERMIT, TRUE, 2), SOME(PERMIT, TRUE, 4)}, 6,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"columns before escalation", 2, {SOME(PERMIT, TRUE, 2), ALL(ESCALATE, TRUE)}, 6,
	CA_DECISION_DENY, CA_REASON_COLUMNS, -1},
	{"a forbid of another column", 2, {ALL(PERMIT, TRUE), SOME(FORBID, TRUE, 4)}, 2,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"a forbid of one of the columns", 2, {ALL(PERMIT, TRUE), SOME(FORBID, TRUE, 4)}, 6,
	CA_DECISION_DENY, CA_REASON_FORBID, 1},
	{"break-glass approves", 3, {GLASS, ALL(ESCALATE, TRUE), ALL(PERMIT, TRUE)}, 2,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"break-glass covers all columns", 2, {GLASS, SOME(PERMIT, TRUE, 2)}, 6,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
	{"break-glass forbids on", 3, {GLASS, ALL(ESCALATE, TRUE), ALL(FORBID, UNKNOWN)}, 2,
	CA_DECISION_DENY, CA_REASON_FORBID, 2},
	{"no column at all, and a permit of some", 1, {SOME(PERMIT, TRUE, 2)}, 0,
	CA_DECISION_ALLOW, CA_REASON_PERMIT, 0},
};

static void
test_sentences(void)
{
	for (int i = 0; i < (int) lengthof(sentences); i++)
	{
		CaVerdict	verdict = ask(sentences[i].rules, sentences[i].n, sentences[i].columns,
								  sentences[i].columns);

		tap_ok(verdict.decision == sentences[i].decision &&
			   verdict.reason == sentences[i].reason &&
			   verdict.deciding == sentences[i].deciding, "sentence", sentences[i].name);
	}
}

/* --- laws ------------------------------------------------------------------------ */

static uint64 seed = 20;

static uint64
draw(uint64 below)
{
	seed = seed * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (seed >> 33) % below;
}

static Plain
draw_rule(void)
{
	Plain		rule = {(CaEffect) draw(4), (CaTruth) draw(3), draw(3) == 0, 0, false};

	if (!rule.all)
		rule.columns = draw(64) << 1;
	return rule;
}

/* How much a decision lets through: deny 0, escalate 1, allow 2. */
static int
width(CaDecision decision)
{
	return decision == CA_DECISION_DENY ? 0 : decision == CA_DECISION_ESCALATE ? 1 : 2;
}

typedef enum Law
{
	LAW_ORDER,
	LAW_FORBID,
	LAW_PERMIT,
	LAW_ESCALATE,
	LAW_RESTRICT,
	LAW_DOUBT,
	LAW_MORE_COLUMNS,
	LAW_WITHIN,
	LAW_COUNT
} Law;

static const char *const laws[LAW_COUNT] = {
	"the order of rules changes no decision",
	"a forbid more never widens",
	"a permit more never narrows",
	"an escalate more never widens",
	"a restrict more changes no decision",
	"a doubt never widens",
	"a column more never widens",
	"a bound never widens, and twice is as once",
};

static void
reverse(Plain *rules, int n)
{
	for (int i = 0; i < n / 2; i++)
	{
		Plain		kept = rules[i];

		rules[i] = rules[n - 1 - i];
		rules[n - 1 - i] = kept;
	}
}

/* The width after one more rule of an effect, which holds or is in doubt. */
static int
width_with(Plain *rules, int n, CaEffect effect, uint64 columns)
{
	rules[n] = draw_rule();
	rules[n].effect = effect;
	return width(ask(rules, n + 1, columns, columns).decision);
}

static bool
bound_holds(const Plain *rules, int n, uint64 columns)
{
	CaVerdict	verdict = ask(rules, n, columns, columns);
	CaBound		bound = {draw(2) == 0, new_set(draw(64) << 1)};
	bool		fits = verdict.decision == CA_DECISION_DENY ||
		(bound.applies && (columns & ~bits_of(bound.columns)) == 0);
	CaVerdict	before = verdict;
	bool		within = ca_decide_within(&verdict, &bound, new_set(columns));
	CaVerdict	once = verdict;
	bool		again = ca_decide_within(&verdict, &bound, new_set(columns));

	return within == fits && again && width(once.decision) <= width(before.decision) &&
		(fits ? once.decision == before.decision && once.reason == before.reason :
		 once.decision == CA_DECISION_DENY && once.reason == CA_REASON_DELEGATION &&
		 once.deciding == -1 &&
		 bits_of(once.uncovered) == (bound.applies ? columns & ~bits_of(bound.columns) : 0)) &&
		verdict.decision == once.decision && verdict.reason == once.reason;
}

static bool
law_holds(Law law)
{
	Plain		rules[12];
	int			n = (int) draw(9);
	uint64		columns = draw(64) << 1;
	int			before;
	int			i;

	for (i = 0; i < n; i++)
		rules[i] = draw_rule();
	before = width(ask(rules, n, columns, columns).decision);
	switch (law)
	{
		case LAW_ORDER:
			reverse(rules, n);
			return width(ask(rules, n, columns, columns).decision) == before;
		case LAW_FORBID:
			return width_with(rules, n, CA_EFFECT_FORBID, columns) <= before;
		case LAW_PERMIT:
			return width_with(rules, n, CA_EFFECT_PERMIT, columns) >= before;
		case LAW_ESCALATE:
			return width_with(rules, n, CA_EFFECT_ESCALATE, columns) <= before;
		case LAW_RESTRICT:
			return width_with(rules, n, CA_EFFECT_RESTRICT, columns) == before;
		case LAW_DOUBT:
			for (i = 0; i < n; i++)
				rules[i].condition = draw(2) == 0 ? CA_UNKNOWN : rules[i].condition;
			for (i = 0; i < n; i++)
			{
				/* what was in doubt, and is now false, may let more through */
				Plain		certain = rules[i];

				if (certain.condition != CA_UNKNOWN)
					continue;
				before = width(ask(rules, n, columns, columns).decision);
				rules[i].condition = certain.effect == CA_EFFECT_PERMIT ? CA_TRUE : CA_FALSE;
				if (width(ask(rules, n, columns, columns).decision) < before)
					return false;
				rules[i] = certain;
			}
			return true;
		case LAW_MORE_COLUMNS:
			columns |= UINT64CONST(1) << (1 + draw(6));
			return width(ask(rules, n, columns, columns).decision) <= before;
		default:
			return bound_holds(rules, n, columns);
	}
}

static void
test_laws(void)
{
	for (int law = 0; law < LAW_COUNT; law++)
	{
		int			broken = 0;

		for (int i = 0; i < 100000; i++)
			broken += !law_holds((Law) law);
		tap_ok(broken == 0, "law", laws[law]);
	}
}

static void
test_names(void)
{
	bool		distinct = true;

	for (int i = CA_REASON_PERMIT; i <= CA_REASON_OBLIGATION; i++)
	{
		for (int j = CA_REASON_PERMIT; j < i; j++)
			distinct &= strcmp(ca_reason_code((CaReason) i), ca_reason_code((CaReason) j)) != 0;
		distinct &= strcmp(ca_reason_code((CaReason) i), "unknown") != 0;
	}
	tap_ok(distinct, "reasons", "each has a name of its own");
}

int
main(void)
{
	test_sentences();
	test_every_combination();
	test_laws();
	test_names();
	return tap_done();
}
