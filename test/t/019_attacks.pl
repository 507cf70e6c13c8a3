# The attack suite: every case of test/attack/*.sql, run as an agent whose role
# was granted everything, in a session of its own whose every byte is searched
# for what the agent must not see.  test/attack/README.md describes the cases.
#
# A failure means: something hidden reached the agent, the server lost its
# composure (a crash, SQLSTATE XX000), or a statement did not end as it must.
# A case marked as known is reported, and fails only when CONTAUTH_ATTACK_STRICT
# is set.  CONTAUTH_ATTACK_ONLY runs the cases whose theme or title contains it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROLE => 'regress_contauth_agent';
use constant HUMAN => 'regress_contauth_human';
use constant SUITE => "$FindBin::RealBin/../attack";
# cases whose statements must show something hidden to who is not governed
use constant CONTROLS => 180;

my $issuer = new_issuer();
my $node = new_node('attacks', <<'EOC');
shared_preload_libraries = 'contauth, pg_stat_statements'
log_statement = none
max_connections = 40
max_prepared_transactions = 4
wal_level = logical
fsync = off
EOC

sub prepare
{
	my ($out, $err) = ('', '');
	my $code = $node->psql('postgres', slurp_file(SUITE . '/setup.sql'),
		stdout => \$out, stderr => \$err, on_error_die => 0, on_error_stop => 1,
		extra_params => [
			'-v', 'jwks=' . $issuer->jwks,
			'-v', 'socket=' . $node->host,
			'-v', 'port=' . $node->port,
			'-v', 'data_directory=' . $node->data_dir
		]);
	is($code, 0, 'setup.sql is installed') or BAIL_OUT($err);
	records_synced($node);
	return;
}

sub request
{
	return encode_json({
		socket => $node->host,
		port => $node->port + 0,
		database => 'postgres',
		role => ROLE,
		human => HUMAN,
		superuser => $node->safe_psql('postgres', 'SELECT current_user'),
		token => token_a($issuer),
		other_token => token_b($issuer),
		bindir => $node->config_data('--bindir'),
		relay => PostgreSQL::Test::Utils::tempdir_short() . '/relay',
		version => int($node->pg_version =~ /^(\d+)/ ? $1 : 0),
		controls => CONTROLS,
		only => $ENV{CONTAUTH_ATTACK_ONLY} // ''
	});
}

# One test a case.
sub report
{
	my ($case) = @_;
	my $tolerated = $case->{known} && !$case->{ok} && !$ENV{CONTAUTH_ATTACK_STRICT};

	ok($case->{ok} || $tolerated,
		$case->{title} . ($case->{known} ? " (known: $case->{known})" : ''))
	  or diag($case->{diag});
	note($case->{diag}) if $tolerated;
	diag("known, and does not fail any more: $case->{title}")
	  if $case->{known} && $case->{ok};
	return;
}

prepare();
my $input = request();
my ($out, $err) = ('', '');
my $ran = IPC::Run::run([ '/usr/bin/python3', SUITE . '/run.py' ],
	'<', \$input, '>', \$out, '2>', \$err);
my @answers = map { decode_json($_) } split /\n/, $out;
my $summary = @answers && exists $answers[-1]{control} ? pop @answers : {};

report($_) foreach @answers;
ok($ran && exists $summary->{control}, 'all cases ran') or diag($err);
is_deeply($summary->{missed}, [], 'the search finds hidden values in every disguise');
is($summary->{control}, CONTROLS,
	'the search finds what it is searched for where nothing is protected')
  unless $ENV{CONTAUTH_ATTACK_ONLY};
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|TRAP:/, 'no server process crashed');
done_testing();
