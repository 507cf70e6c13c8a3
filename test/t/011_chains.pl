# Delegation chains against an independent model: thousands of random chains,
# right and wrong, under policies that change, are presented and used, and every
# answer of the server must be the model's (test/model/, Python, written from the
# contract).  Pairs of chains show that one hop or restriction more never turns
# a denial into an allow.
#
# CONTAUTH_CHAINS and CONTAUTH_SEED choose how many and which; a difference is
# printed with the seed, and the same seed and number bring it again.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $chains = $ENV{CONTAUTH_CHAINS} // 10000;
my $seed = $ENV{CONTAUTH_SEED} // 20260101;
my $model = "$FindBin::RealBin/../model";

# Below this the coverage is not demanded: rare things need many chains.
my $enough = 4000;

# Flaws of the model that the comparison must notice; each run goes on until it
# has noticed them (test/model/chain_model.py names them).
my ($flaws, $trouble) = run_command(
	[
		'/usr/bin/python3', '-B', '-c',
		"import sys; sys.path.insert(0, '$model'); import chain_model, chain_run; print(*chain_model.FLAWS)"
	]);
my @flaws = split ' ', $flaws;
ok(@flaws > 10, 'the model can be read')
  or BAIL_OUT("python3-psycopg and python3-cryptography are needed: $trouble");

my $node = new_node('chains', <<'EOC');
fsync = off
log_statement = none
log_min_messages = fatal
contauth.audit_wait = 60s
EOC
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION contauth;
CREATE ROLE regress_contauth_chain LOGIN;
CREATE ROLE regress_contauth_chain_other LOGIN;
SELECT contauth.enroll_role('regress_contauth_chain'),
	   contauth.enroll_role('regress_contauth_chain_other');
EOS

# One run of test/model/chain_run.py; returns its answer.
sub run_chains
{
	my (%options) = @_;
	my $input = encode_json({
		socket => $node->host,
		port => $node->port + 0,
		superuser => $superuser,
		seed => "$seed",
		workers => 2,
		%options
	});
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', '-B', "$model/chain_run.py" ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "chain_run.py failed: $err";
	return decode_json($out);
}

# Print differences so that they can be looked into.
sub show
{
	my ($result) = @_;
	diag(JSON::PP->new->canonical->pretty->encode($_)) for @{ $result->{shown} };
	return;
}

# Every name, with this prefix, was counted at least so often.
sub all_seen
{
	my ($counts, $prefix, $least, @names) = @_;
	my @rare = grep { ($counts->{"$prefix.$_"} // 0) < $least } @names;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@rare, [], "$prefix: each of @{[scalar @names]} at least $least times")
	  or diag(join ', ', map { "$_ " . ($counts->{"$prefix.$_"} // 0) } @rare);
	return;
}

# --- the comparison --------------------------------------------------------

my $result = run_chains(chains => $chains + 0, watch => \@flaws);
my $counts = $result->{counts};

note "$_ = $counts->{$_}" for sort keys %$counts;
note "seed $seed: $counts->{presented} chains presented, $counts->{requests} requests, "
  . "$counts->{worlds} sets of policies, $result->{seconds} s";
is($counts->{chains}, $chains, 'as many chains as were asked for');
is($counts->{differences} // 0, 0,
	"seed $seed, $counts->{presented} chains, $counts->{compared} answers: as the model says")
  or show($result);
is($counts->{escalations} // 0, 0,
	"seed $seed, $counts->{pairs} pairs: nothing denied is allowed with more hops");

# --- nothing of this was vacuous ----------------------------------------------

SKIP:
{
	skip "coverage needs $enough chains", 1 if $chains < $enough;
	my $least = int($chains / 1000);

	all_seen($counts, 'defect', $least,
		qw(grant_expired grant_future grant_nbf grant_audience prf_wrong prf_missing
		  prf_at_root swapped cut_off not_next wrong_signer unknown_key hop_max_depth
		  malformed claim_missing wrong_actor contradiction too_many
		  loop depth_setting suspended retired expired keyless unregistered
		  act_unregistered act_keyless act_foreign actor_elsewhere actor_unregistered actor_suspended
		  token_expired token_future token_audience token_signer token_details svid_eddsa
		  act_issuer));
	all_seen($counts, 'presented', $chains / 20, qw(00000 28000 ZA002));
	all_seen($counts, 'verdict', $chains / 10, qw(00000 42501));
	all_seen($counts, 'verdict', $least, qw(28000 ZA002));
	all_seen($counts, 'reason', $chains / 50,
		qw(delegation no_permit columns_not_permitted forbid server));
	all_seen($counts, 'mode', $chains / 50, qw(none act grants both));
	all_seen($counts, 'actor', $chains / 10, qw(svid oauth));
	all_seen($counts, 'how', $chains / 10, qw(authenticate transaction set));
	all_seen($counts, 'depth', $chains / 100, 0 .. 6);
	all_seen($counts, 'depth', 1, 7, 8, 16);
	all_seen($counts, 'pair', $least, qw(hop first_hop prior_actor restriction));
	cmp_ok($counts->{worlds}, '>=', 24, 'policies changed a few dozen times');
	all_seen($counts, 'in_use', $least, qw(state key policies));
	cmp_ok($counts->{pair_both_allowed}, '>=', $chains / 100, 'pairs that are both allowed');
	cmp_ok($counts->{pair_taken_away}, '>=', $chains / 50, 'pairs that lost something');
}

# --- the comparison can fail ------------------------------------------------------

my @unnoticed = grep { !$result->{watched}{$_} } @flaws;

SKIP:
{
	skip "flaws need $enough chains", 1 if $chains < $enough;
	is_deeply(\@unnoticed, [],
		"each of @{[scalar @flaws]} flaws of the model was noticed on the same answers");
}
foreach my $flaw (qw(ignore_labels_max ignore_root_hop))
{
	my $wrong = run_chains(chains => 300, flaw => $flaw);
	cmp_ok($wrong->{counts}{differences} // 0, '>', 0, "a run with the flaw $flaw fails");
}
my $inverted = run_chains(chains => 300, invert => JSON::PP::true);
cmp_ok($inverted->{counts}{escalations} // 0, '>', 0,
	'pairs the wrong way round are noticed');

$node->stop;
done_testing();
