/*-------------------------------------------------------------------------
 *
 * forecast.c
 *	  What a condition can come to in the sessions that an agent could have.
 *
 * A condition that asks for nothing but what is known is evaluated as a
 * statement's would be (request.c).  Of any other the terms are: what can be
 * evaluated is, what cannot may come to anything, and AND, OR and NOT are put
 * together from what their arguments may come to.  Terms are taken as independent of
 * each other, so that the result may hold more than can really happen, and
 * never less.
 *
 * SECURITY: the order of terms counts, as it does for the server: what fails
 * behind a term that is false is never reached, and what fails before it makes
 * the whole condition fail.  (test/sql/who_can.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/internal.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "policy/forecast.h"

/* Beside the bits of CaOutlook: evaluating it fails. */
#define FAILS		(1 << 3)

/*
 * A node of the condition's outermost AND, OR and NOT; or the condition as a whole.
 * What it came to is kept for the next request that asks the same of it.
 */
typedef struct Term
{
	bool		is_leaf;
	BoolExprType op;			/* unless it is a leaf */
	List	   *args;			/* likewise: of Term * */
	CaCondition *condition;		/* of a leaf */
	CaConditionNeeds needs;		/* likewise */
	uint64		asked;			/* number of that request; 0: none */
	int			outcomes;
} Term;

struct CaForecast
{
	Term	   *whole;
	Term	   *root;			/* of the same in parts */
};

static Term *
make_leaf(Expr *expr, TupleDesc desc)
{
	Term	   *term = palloc0(sizeof(Term));

	term->is_leaf = true;
	term->condition = ca_condition_make(copyObject(expr), desc);
	term->needs = ca_condition_needs(term->condition);
	return term;
}

static Term *
make_term(Expr *expr, TupleDesc desc)
{
	Term	   *term;
	ListCell   *lc;

	check_stack_depth();
	if (!IsA(expr, BoolExpr))
		return make_leaf(expr, desc);
	term = palloc0(sizeof(Term));
	term->op = ((BoolExpr *) expr)->boolop;
	foreach(lc, ((BoolExpr *) expr)->args)
		term->args = lappend(term->args, make_term(lfirst(lc), desc));
	return term;
}

/*
 * The condition as the server would run it.  SECURITY: what it leaves out of the
 * whole, because a term is always false, must not fail in a part.
 */
static Expr *
simplify(Expr *expr)
{
	Expr	   *volatile result = NULL;

	ca_internal_depth++;
	PG_TRY();
	{
		result = expression_planner(expr);
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
	}
	PG_END_TRY();
	return result;
}

CaForecast *
ca_forecast_compile(const char *text)
{
	CaForecast *forecast = palloc0(sizeof(CaForecast));
	TupleDesc	desc;
	Expr	   *expr = ca_condition_parse(text, &desc);

	forecast->whole = make_leaf(expr, desc);
	forecast->root = make_term(simplify(expr), desc);
	return forecast;
}

bool
ca_forecast_uses_columns(const CaForecast *forecast)
{
	return forecast->whole->needs.columns;
}

bool
ca_forecast_uses_labels(const CaForecast *forecast)
{
	return forecast->whole->needs.labels;
}

/* Are they all known, but for the autonomy?  What holds a "*" is a pattern. */
static bool
is_known(const CaConditionNeeds *needs, const CaRequest *request)
{
	return !needs->session && (!needs->domain || request->domain[0] != '\0') &&
		(!needs->action || strchr(request->action, '*') == NULL) &&
		(!needs->resource || strchr(request->resource, '*') == NULL);
}

static int
evaluate(CaCondition *condition, const CaRequest *request)
{
	char	   *error;
	CaTruth		truth = ca_condition_eval(condition, request, &error);

	return error != NULL ? FAILS : CA_POSSIBLY(truth);
}

/* Everything it comes to as grants lower the agent's autonomy. */
static int
evaluate_known(const Term *term, const CaRequest *request)
{
	CaRequest	narrowed = *request;
	CaIdentity	identity;
	int			outcomes = 0;

	if (!term->needs.autonomy)
		return evaluate(term->condition, request);
	identity = *request->identity;
	narrowed.identity = &identity;
	for (int i = request->identity->registered->autonomy; i >= 1; i--)
	{
		identity.chain.ceiling = i;
		outcomes |= evaluate(term->condition, &narrowed);
	}
	return outcomes;
}

/* The same, of a leaf, or what was found out before. */
static int
recall(Term *leaf, const CaRequest *request)
{
	uint64		number = leaf->needs.columns || leaf->needs.labels ?
	request->asked : request->question;

	if (number == 0 || leaf->asked != number)
	{
		leaf->outcomes = evaluate_known(leaf, request);
		leaf->asked = number;
	}
	return leaf->outcomes;
}

static int
negate(int outcomes)
{
	int			negated = outcomes & (CA_POSSIBLY(CA_UNKNOWN) | FAILS);

	if (outcomes & CA_POSSIBLY(CA_TRUE))
		negated |= CA_POSSIBLY(CA_FALSE);
	if (outcomes & CA_POSSIBLY(CA_FALSE))
		negated |= CA_POSSIBLY(CA_TRUE);
	return negated;
}

/*
 * What AND comes to when what stands before comes to left, and the next term to
 * right: false and failure end it, and NULL is left by whatever is not false.
 */
static int
conjoin(int left, int right)
{
	int			both = left & (CA_POSSIBLY(CA_FALSE) | FAILS);

	if (left & CA_POSSIBLY(CA_TRUE))
		both |= right;
	if (left & CA_POSSIBLY(CA_UNKNOWN))
	{
		both |= right & (CA_POSSIBLY(CA_FALSE) | FAILS);
		if (right & (CA_POSSIBLY(CA_TRUE) | CA_POSSIBLY(CA_UNKNOWN)))
			both |= CA_POSSIBLY(CA_UNKNOWN);
	}
	return both;
}

static int
forecast_term(Term *term, const CaRequest *request)
{
	bool		is_or = !term->is_leaf && term->op == OR_EXPR;
	int			outcomes = CA_POSSIBLY(CA_TRUE);
	ListCell   *lc;

	if (term->is_leaf)
		return is_known(&term->needs, request) ? recall(term, request) :
			CA_OUTLOOK_ANY | FAILS;
	if (term->op == NOT_EXPR)
		return negate(forecast_term(linitial(term->args), request));
	/* a OR b is NOT (NOT a AND NOT b), in the same order */
	foreach(lc, term->args)
	{
		int			next = forecast_term(lfirst(lc), request);

		outcomes = conjoin(outcomes, is_or ? negate(next) : next);
	}
	return is_or ? negate(outcomes) : outcomes;
}

CaOutlook
ca_forecast(CaForecast *forecast, const CaRequest *request)
{
	int			outcomes = is_known(&forecast->whole->needs, request) ?
	recall(forecast->whole, request) : forecast_term(forecast->root, request);

	/* a condition that fails is as one that is NULL */
	if (outcomes & FAILS)
		outcomes |= CA_POSSIBLY(CA_UNKNOWN);
	return outcomes & CA_OUTLOOK_ANY;
}
