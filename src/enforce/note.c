/*-------------------------------------------------------------------------
 *
 * note.c
 *	  What a plan carries about its own authorization.
 *
 * A plan that is sent to a parallel worker carries an empty note: workers
 * decide nothing, and the query and the record's fields need not travel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/note.h"
#include "nodes/makefuncs.h"

#define CA_NOTE_NAME	"contauth_note"

bool		ca_note_any = false;

static uint64 last_serial = 0;

static char *
copy_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

static void
note_copy(struct ExtensibleNode *newnode, const struct ExtensibleNode *oldnode)
{
	CaPlanNote *to = (CaPlanNote *) newnode;
	const CaPlanNote *from = (const CaPlanNote *) oldnode;
	ExtensibleNode header = to->xnode;

	*to = *from;
	to->xnode = header;
	to->blob = palloc(from->blob_len + 1);
	memcpy(to->blob, from->blob, from->blob_len);
	to->query = copyObject(from->query);
	to->functions = list_copy(from->functions);
	to->escalation = ca_escalation_copy(&from->escalation);
	to->reason_code = copy_text(from->reason_code);
	to->reason = copy_text(from->reason);
	to->policy = copy_text(from->policy);
}

static bool
note_equal(const struct ExtensibleNode *a, const struct ExtensibleNode *b)
{
	return ((const CaPlanNote *) a)->serial == ((const CaPlanNote *) b)->serial;
}

static void
note_out(struct StringInfoData *str, const struct ExtensibleNode *node)
{
}

static void
note_read(struct ExtensibleNode *node)
{
	CaPlanNote *note = (CaPlanNote *) node;
	ExtensibleNode header = note->xnode;

	memset(note, 0, sizeof(CaPlanNote));
	note->xnode = header;
	note->blob = pstrdup("");
}

static const ExtensibleNodeMethods note_methods = {
	.extnodename = CA_NOTE_NAME,
	.node_size = sizeof(CaPlanNote),
	.nodeCopy = note_copy,
	.nodeEqual = note_equal,
	.nodeOut = note_out,
	.nodeRead = note_read,
};

void
ca_note_register(void)
{
	RegisterExtensibleNodeMethods(&note_methods);
}

CaPlanNote *
ca_note_create(void)
{
	CaPlanNote *note = (CaPlanNote *) newNode(sizeof(CaPlanNote), T_ExtensibleNode);

	note->xnode.extnodename = CA_NOTE_NAME;
	note->serial = ++last_serial;
	ca_note_any = true;
	note->blob = pstrdup("");
	return note;
}

bool
ca_note_holds(const CaPlanNote *note, uint64 epoch)
{
	for (int i = 0; i < CA_NOTE_EPOCHS; i++)
	{
		if (note->epochs[i] == epoch)
			return true;
	}
	return false;
}

void
ca_note_hold(CaPlanNote *note, uint64 epoch)
{
	note->epochs[note->next_epoch] = epoch;
	note->next_epoch = (note->next_epoch + 1) % CA_NOTE_EPOCHS;
}

void
ca_note_attach(PlannedStmt *plan, CaPlanNote *note)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RESULT;
	rte->eref = makeAlias(CA_NOTE_NAME, NIL);
	rte->functions = list_make1(note);
	plan->rtable = lappend(plan->rtable, rte);
}

CaPlanNote *
ca_note_find(const PlannedStmt *plan)
{
	RangeTblEntry *rte;
	ExtensibleNode *node;

	if (plan->rtable == NIL)
		return NULL;
	rte = llast_node(RangeTblEntry, plan->rtable);
	if (rte->rtekind != RTE_RESULT || list_length(rte->functions) != 1)
		return NULL;
	node = linitial(rte->functions);
	if (!IsA(node, ExtensibleNode) || strcmp(node->extnodename, CA_NOTE_NAME) != 0)
		return NULL;
	return (CaPlanNote *) node;
}
