# Build, install, test and show contauth.  "make help" lists the targets.
#
# PG_CONFIG chooses the server: make PG_CONFIG=/usr/lib/postgresql/17/bin/pg_config
# (run "make clean" when you change it: objects of two servers do not mix).

PG_CONFIG ?= pg_config
MODULE_big = contauth
EXTENSION = contauth
DATA = $(wildcard sql/contauth--*.sql)
PGFILEDESC = "contauth - continuous authorization for AI agents"

# ---------------------------------------------------------------------------
# The sources, in layer order: each may use only what stands above it.
# test/check/layers compares this list with the tree and the #include lines.
# ---------------------------------------------------------------------------
OBJS = \
	src/base/attempt.o \
	src/base/catalog.o \
	src/base/epoch.o \
	src/base/glob.o \
	src/base/guc.o \
	src/base/internal.o \
	src/base/json_text.o \
	src/base/pending.o \
	src/base/texts.o \
	src/base/uuid7.o \
	src/crypto/bundle.o \
	src/crypto/certificate.o \
	src/crypto/certificate_status.o \
	src/crypto/checkpoint_form.o \
	src/crypto/digest.o \
	src/crypto/ff1.o \
	src/crypto/pubkey.o \
	src/crypto/signature.o \
	src/crypto/signer.o \
	src/token/authority.o \
	src/token/base64url.o \
	src/token/grant.o \
	src/token/json.o \
	src/token/jwk.o \
	src/token/jws.o \
	src/token/jwt.o \
	src/token/jwt_claims.o \
	src/token/redact.o \
	src/token/spiffe.o \
	src/token/token_status.o \
	src/token/twin.o \
	src/identity/claim.o \
	src/identity/credential.o \
	src/identity/delegation.o \
	src/identity/identity.o \
	src/identity/keyring.o \
	src/identity/peer.o \
	src/identity/presented.o \
	src/identity/problem.o \
	src/identity/registry.o \
	src/identity/revocation.o \
	src/identity/session.o \
	src/identity/stop.o \
	src/identity/stopper.o \
	src/identity/svid.o \
	src/identity/watcher.o \
	src/identity/watcher_look.o \
	src/policy/authorize.o \
	src/policy/bound.o \
	src/policy/decide.o \
	src/policy/derivation.o \
	src/policy/expression.o \
	src/policy/expression_check.o \
	src/policy/forecast.o \
	src/policy/history.o \
	src/policy/label.o \
	src/policy/limits.o \
	src/policy/mask.o \
	src/policy/mask_parse.o \
	src/policy/obligation.o \
	src/policy/policy_key.o \
	src/policy/policy_set.o \
	src/policy/reason.o \
	src/policy/relation.o \
	src/policy/request.o \
	src/policy/resource.o \
	src/policy/store.o \
	src/policy/trusted.o \
	src/audit/chain.o \
	src/audit/checkpoint.o \
	src/audit/checkpoint_table.o \
	src/audit/decision_row.o \
	src/audit/decision_table.o \
	src/audit/decision_writer.o \
	src/audit/guard.o \
	src/audit/home.o \
	src/audit/journal.o \
	src/audit/journal_segment.o \
	src/audit/memo.o \
	src/audit/normalize.o \
	src/audit/reading.o \
	src/audit/recode.o \
	src/audit/record.o \
	src/audit/retention.o \
	src/audit/ring.o \
	src/audit/ring_worker.o \
	src/audit/row_memo.o \
	src/audit/signing_key.o \
	src/audit/spool_api.o \
	src/audit/spool_carry.o \
	src/audit/spool_file.o \
	src/audit/spool_writer.o \
	src/audit/verify.o \
	src/audit/verify_checkpoint.o \
	src/audit/worker.o \
	src/approval/approve.o \
	src/approval/notify.o \
	src/approval/redeem.o \
	src/approval/request_table.o \
	src/approval/requests.o \
	src/approval/separation.o \
	src/enforce/access_fields.o \
	src/enforce/affected.o \
	src/enforce/binding.o \
	src/enforce/budget.o \
	src/enforce/cascade.o \
	src/enforce/collect.o \
	src/enforce/computed.o \
	src/enforce/constraint.o \
	src/enforce/copy.o \
	src/enforce/copy_in.o \
	src/enforce/estimates.o \
	src/enforce/escalate.o \
	src/enforce/escalation.o \
	src/enforce/evaluate.o \
	src/enforce/execute.o \
	src/enforce/explain.o \
	src/enforce/fragile.o \
	src/enforce/function.o \
	src/enforce/halt.o \
	src/enforce/hooks.o \
	src/enforce/in_place.o \
	src/enforce/inspect.o \
	src/enforce/note.o \
	src/enforce/object.o \
	src/enforce/outcome.o \
	src/enforce/parts.o \
	src/enforce/plan.o \
	src/enforce/quiet.o \
	src/enforce/reach.o \
	src/enforce/refuse.o \
	src/enforce/rewrite.o \
	src/enforce/role.o \
	src/enforce/run.o \
	src/enforce/scrub.o \
	src/enforce/statement.o \
	src/enforce/statement_text.o \
	src/enforce/things.o \
	src/enforce/trust.o \
	src/enforce/utility.o \
	src/enforce/water.o \
	src/enforce/who.o \
	src/api/admin.o \
	src/api/agent.o \
	src/api/agent_key.o \
	src/api/authzen.o \
	src/api/masks.o \
	src/api/masks_fpe.o \
	src/api/masks_number.o \
	src/api/masks_regex.o \
	src/api/masks_time.o \
	src/api/obligation_json.o \
	src/api/revoke.o \
	src/api/trust_bundle.o \
	src/api/who_can.o \
	src/api/why.o \
	src/contauth.o
# ---------------------------------------------------------------------------

# Targets of ours that need nothing of PostgreSQL's build system, so that they
# work on a machine where it is not installed yet.  PGXS also defines "check"
# (to say that it cannot do it), so the two are never read together: when one
# of these is asked for, any other goal goes to a make of its own.
OWN_GOALS = help demo check format check-format analyze dist

.DEFAULT_GOAL := all

ifneq (,$(filter $(OWN_GOALS),$(MAKECMDGOALS)))

OTHER_GOALS = $(filter-out $(OWN_GOALS),$(MAKECMDGOALS))

.PHONY: $(OWN_GOALS) $(OTHER_GOALS)
.NOTPARALLEL:

help:
	@echo 'make                build contauth.so and contauth-verify (WERROR=1: warnings are errors)'
	@echo 'make install        install library, program, control file and SQL (as root)'
	@echo 'make uninstall      remove them again'
	@echo 'make demo           install what is missing, build, and show everything on a'
	@echo '                    private throwaway server (KEEP=1: leave it running)'
	@echo 'make check          install what is missing, build, and run every test'
	@echo '                    (PARTS="unit regress isolation pgtap tap check": only these)'
	@echo 'make format         put the C files into the form of PostgreSQL'
	@echo 'make check-format   say which files are not in that form'
	@echo 'make analyze        clang, clang-tidy and cppcheck over all sources'
	@echo 'make clean          remove what was built'
	@echo 'make dist           contauth-VERSION.zip of what is committed, for PGXN'
	@echo 'PG_CONFIG=...       the server to build for (now: $(PG_CONFIG))'

demo:
	@PG_CONFIG='$(PG_CONFIG)' WERROR='$(WERROR)' KEEP='$(KEEP)' test/demo/run

check:
	@PG_CONFIG='$(PG_CONFIG)' WERROR='$(WERROR)' KEEP='$(KEEP)' test/run $(PARTS)

format:
	@PATH="$$($(PG_CONFIG) --bindir):$$PATH" test/check/format --write

check-format:
	@PATH="$$($(PG_CONFIG) --bindir):$$PATH" test/check/format

analyze:
	@PG_CONFIG='$(PG_CONFIG)' test/analysis/run

# the version of META.json: the first of them is the distribution's
dist:
	@v=$$(sed -n 's/^   "version": "\(.*\)",$$/\1/p' META.json) && \
	git archive --format=zip --prefix="contauth-$$v/" -o "contauth-$$v.zip" HEAD && \
	echo "contauth-$$v.zip"

$(OTHER_GOALS):
	@$(MAKE) $@

else

# -isystem: the server's own headers are not held to our warnings.
PG_CPPFLAGS = -I$(srcdir)/src -isystem $(shell $(PG_CONFIG) --includedir-server)
SHLIB_LINK += -lcrypto -lssl -Wl,--version-script=$(srcdir)/src/contauth.map

# A statement passes a hundred functions of ours, most of them short.  That they call each
# other directly, and are compiled as one by GCC, the short ones where they are called,
# takes a third off what they cost.  "make LTO=" builds faster.
LTO ?= -flto=auto --param=max-inline-insns-auto=30 --param=inline-min-speedup=10
PG_CFLAGS += -fno-semantic-interposition -fno-plt $(if $(findstring gcc,$(CC)),$(LTO))

# No bitcode: what the server's JIT compiler takes out of it would call functions that
# the library does not show.
override with_llvm = no

# PGXS does not follow headers by itself (its autodepend is empty).
PG_CFLAGS += -MMD -MP -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif

EXTRA_CLEAN += $(OBJS:.o=.d) contauth-verify typedefs.list tmp_check tmp_check_iso results log \
	regression.diffs regression.out

REGRESS = $(sort $(basename $(notdir $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test --temp-instance=./tmp_check --temp-config=./test/contauth.conf
ISOLATION = $(sort $(basename $(notdir $(wildcard test/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=. --temp-instance=./tmp_check_iso \
	--temp-config=./test/contauth.conf
# The audit has one home: both kinds of test use the database of contauth.conf.
ISOLATION_TESTDB = contrib_regression
TAP_TESTS = $(if $(wildcard test/t/*.pl),1)
PROVE_TESTS = test/t/*.pl

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

# The program that verifies an export without a server.  PGXS builds a library
# or a program, not both, so that its rules are our own.
VERIFY_SOURCES = $(addprefix $(srcdir)/tools/, contauth_verify.c export_form.c \
	sha256_many.c verify_export.c) $(addprefix $(srcdir)/src/crypto/, checkpoint_form.c \
	digest.c pubkey.c signature.c signer.c)

all: contauth-verify

contauth.so: $(srcdir)/src/contauth.map

contauth-verify: $(VERIFY_SOURCES) $(wildcard $(srcdir)/tools/*.h $(srcdir)/src/crypto/*.h)
	$(CC) $(CFLAGS) -DFRONTEND -I$(srcdir)/tools $(CPPFLAGS) -o $@ \
	  $(VERIFY_SOURCES) $(LDFLAGS) -L$(pkglibdir) -L$(libdir) \
	  -lpgcommon -lpgport -lcrypto

install: install-verify
install-verify: contauth-verify
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) contauth-verify '$(DESTDIR)$(bindir)/contauth-verify'

uninstall: uninstall-verify
uninstall-verify:
	rm -f '$(DESTDIR)$(bindir)/contauth-verify'

.PHONY: install-verify uninstall-verify

endif
