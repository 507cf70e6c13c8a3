# Policies change a hundred times a second under busy agents.  Each answer is
# that of a set which was in force while the statement ran: never of one that
# was replaced before it began.
#
# A failure means: a session decides on policies that are no longer in force,
# mixes two versions of the set, fails for no reason, or keeps memory of what
# was replaced.
#
# CONTAUTH_CHURN sets the number of changes; 6,000 take a minute.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant CHANGES => $ENV{CONTAUTH_CHURN} // 1500;

my $issuer = new_issuer();
my $node = new_node('churn', "log_statement = none\nmax_connections = 40");
install_application($node, $issuer);

# Rows to be shown one at a time: the one that the policy of the moment names.
$node->safe_psql('postgres', <<"EOS");
CREATE TABLE app.tick (n integer PRIMARY KEY);
INSERT INTO app.tick SELECT generate_series(0, @{[CHANGES + 1]});
GRANT SELECT ON app.tick TO @{[ROLE_A]};
CREATE FUNCTION app.tick_now() RETURNS integer LANGUAGE plpgsql STABLE AS
	\$\$ BEGIN RETURN (SELECT n FROM app.tick); END \$\$;
SELECT contauth.create_policy('tick', 'permit', actions => '{select}',
	resources => '{app.tick}', row_filter => 'n = 0');
SELECT contauth.create_policy('tick_now', 'permit', actions => '{execute}',
	resources => '{function:app.tick_now}');
EOS

my $input = encode_json({
		socket => $node->host,
		port => $node->port + 0,
		role => ROLE_A,
		token => token_a($issuer, lifetime => 7200),
		changes => CHANGES
	});
my ($out, $err) = ('', '');
IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/churn_agents.py" ],
	'<', \$input, '>', \$out, '2>', \$err);
is($?, 0, 'the agents worked to the end') or diag($err);
for (map { decode_json($_) } grep { /^\{/ } split /\n/, $out)
{
	ok($_->{ok}, $_->{title}) or diag($_->{diag});
	note($_->{diag});
}

# --- what is left --------------------------------------------------------------

unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
is(decisions($node, 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the record of it all is whole');
is( decisions($node,
		"SELECT count(*) FROM contauth_audit.decision WHERE policy_version IS NULL AND decision = 'allow' AND statement_kind = 'SELECT'"
	),
	0,
	'every decision names its version');

$node->stop;
done_testing();
