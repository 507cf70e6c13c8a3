# Policies against an independent model: random sets of them, random requests of
# random agents, and every answer of the server must be the model's: decision,
# reason, policy, columns, rows, values (test/model/, Python, written from the
# contract).
#
# CONTAUTH_PAIRS and CONTAUTH_SEED choose how many and which; a difference is
# printed with the policies that it needs, and the same seed and number bring it
# again.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $pairs = $ENV{CONTAUTH_PAIRS} // 30000;
my $seed = $ENV{CONTAUTH_SEED} // 20260401;
my $model = "$FindBin::RealBin/../model";

# Below this the coverage is not demanded: rare things need many pairs.
my $enough = 10000;

my $node = new_node('policies', <<'EOC');
fsync = off
log_statement = none
log_min_messages = fatal
contauth.audit_wait = 60s
EOC
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION contauth;
CREATE ROLE regress_contauth_policy LOGIN;
SELECT contauth.enroll_role('regress_contauth_policy');
EOS

my $input = encode_json({
	socket => $node->host,
	port => $node->port + 0,
	superuser => $superuser,
	seed => "$seed",
	pairs => $pairs + 0,
	workers => 2
});
my ($out, $err) = ('', '');
IPC::Run::run([ '/usr/bin/python3', '-B', "$model/policy_run.py" ],
	'<', \$input, '>', \$out, '2>', \$err)
  or die "policy_run.py failed: $err";
my $result = decode_json($out);
my $counts = $result->{counts};

note "$_ = $counts->{$_}" for sort keys %$counts;
note "seed $seed: $counts->{pairs} pairs, $counts->{sets} sets of policies, $result->{seconds} s";
cmp_ok($counts->{pairs}, '>=', $pairs, 'as many pairs as were asked for');
is($counts->{differences} // 0, 0, "seed $seed, $counts->{pairs} pairs: as the model says")
  or diag(map { JSON::PP->new->canonical->pretty->encode($_) } @{ $result->{differences} });

# --- nothing of this was vacuous ----------------------------------------------

SKIP:
{
	skip "coverage needs $enough pairs", 3 if $pairs < $enough;
	my @wanted = (
		(map { "sqlstate $_" } qw(00000 42501 ZA001 ZA003)),
		(map { "reason $_" }
			  qw(forbid no_permit columns_not_permitted approval_needed masked_column_in_write
			  rows_per_statement obligation_not_enforceable)),
		(map { "shape $_" } qw(select count whole join copy insert update delete truncate lock call notify closed)));

	is_deeply([ grep { ($counts->{$_} // 0) < 10 } @wanted ], [], 'everything came up');
	cmp_ok($result->{flaws}, '>', 30, 'the model has deliberate flaws');
	is_deeply($result->{unnoticed}, [], 'and each of them is noticed');
}

$node->stop;
done_testing();
