# Long attacks: an hour of random statements instead of written cases, every byte
# that comes back searched as in 019_attacks.pl.  No part of "make check"; run by
# test/attack/long, which says how.
#
# A failure means: something hidden reached the agent, the server or a session
# crashed, or contauth raised an error that "cannot happen" (SQLSTATE XX000).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../t";
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROLE => 'regress_contauth_agent';
use constant SUITE => $FindBin::RealBin;

my ($what, $minutes) = ($ENV{CONTAUTH_LONG_WHAT}, $ENV{CONTAUTH_LONG_MINUTES} // 30);
my $issuer = new_issuer();
my $node = new_node('long', <<'EOC');
shared_preload_libraries = 'contauth, pg_stat_statements'
log_statement = none
log_min_messages = error
log_min_error_statement = panic
max_connections = 40
max_prepared_transactions = 4
wal_level = logical
fsync = off
EOC

my ($out, $err) = ('', '');
my $code = $node->psql('postgres', slurp_file(SUITE . '/setup.sql'),
	stdout => \$out, stderr => \$err, on_error_die => 0, on_error_stop => 1,
	extra_params => [
		'-v', 'jwks=' . $issuer->jwks, '-v', 'socket=' . $node->host,
		'-v', 'port=' . $node->port, '-v', 'data_directory=' . $node->data_dir
	]);
is($code, 0, 'setup.sql is installed') or BAIL_OUT($err);
# its owner's trigger shows a masked column: known, and its author's responsibility
$node->safe_psql('postgres', 'DROP TABLE app.copied');

my $input = encode_json({
		what => $what,
		minutes => $minutes + 0,
		socket => $node->host,
		port => $node->port + 0,
		database => 'postgres',
		role => ROLE,
		superuser => $node->safe_psql('postgres', 'SELECT current_user'),
		token => token_a($issuer, lifetime => 86400),
		relay => PostgreSQL::Test::Utils::tempdir_short() . '/relay',
		sql => $ENV{CONTAUTH_LONG_SQL} // '',
		seed => ($ENV{CONTAUTH_LONG_SEED} // 1) + 0
	});
my $report = '';
IPC::Run::run([ '/usr/bin/python3', SUITE . '/long.py' ],
	'<', \$input, '>', \$report, '2>', \$err);
is($?, 0, "$what ran for $minutes minutes") or diag($err);
my $result = eval { decode_json($report) } // {};

note "statements: $result->{statements}, of these without error: $result->{allowed}";
note "bytes searched: $result->{bytes}";
note "$result->{sqlstates}{$_} times $_"
  foreach sort { $result->{sqlstates}{$b} <=> $result->{sqlstates}{$a} } keys %{ $result->{sqlstates} // {} };
cmp_ok($result->{allowed} // 0, '>', 100, 'there was something to see');
is_deeply($result->{found}, [], 'nothing hidden came back');
is($result->{lost}, 0, 'no connection was lost');
is_deeply($result->{internal}, [], 'no error of contauth that cannot happen');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|TRAP:|runtime error:/,
	'no server process crashed');
ok($node->safe_psql('postgres', 'SELECT (contauth_audit.verify()).ok') eq 't', 'the record is whole');

$node->stop;
done_testing();
