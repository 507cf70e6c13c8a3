# What the findings say of the signatures over the audit.
#
# A failure means: an auditor is not told that records wait for a signature, that
# the server has stopped signing, or that another key signs; or is told so though
# all is well.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $issuer = new_issuer();
my $node = new_node('findings', "contauth.checkpoint_interval = 1\nlog_statement = none");
install_application($node, $issuer);
$node->safe_psql('postgres', 'CREATE ROLE regress_contauth_auditor LOGIN IN ROLE contauth_auditor');
my $token = token_a($issuer);

# Another key where the server looks for one.
sub install_key
{
	unlink "$dir/server.pem";
	run_command_ok('openssl', 'genpkey', '-algorithm', 'ED25519', '-out', "$dir/server.pem");
	chmod 0600, "$dir/server.pem";
	return;
}

sub configure_key
{
	my ($path) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET contauth.audit_signing_key = '$path'");
	$node->reload;
	return;
}

# Let the agent leave a record.
sub work
{
	as_role($node, ROLE_A, $token, 'SELECT count(*) FROM app.ticket');
	records_synced($node) or die 'the audit did not catch up';
	return;
}

sub wait_until
{
	my ($condition) = @_;

	$node->poll_query_until('postgres', "SELECT $condition") or die "never: $condition";
	return;
}

# Wait until a checkpoint covers all records.
sub wait_signed
{
	wait_until('(SELECT max(seq) FROM contauth_audit.checkpoint) = (SELECT max(seq) FROM contauth_audit.decision)');
	return;
}

# What an auditor is told, and that the evidence has rows.
sub findings_are
{
	my ($expected, $title) = @_;
	my (undef, $out) = as_role($node, 'regress_contauth_auditor', undef, <<'EOS');
SELECT finding || ' ' || severity FROM contauth_audit.findings
 WHERE finding IN ('checkpoint_overdue', 'records_unsigned', 'signing_key_changed') ORDER BY 1;
EOS
	is($out, $expected, $title);
	(undef, $out) = as_role($node, 'regress_contauth_auditor', undef, <<'EOS');
SELECT evidence FROM contauth_audit.find_unsigned('1 day') \gexec
EOS
	ok(($expected eq '') == ($out eq ''), "its evidence");
	return;
}

findings_are('', 'nothing is recorded yet');
work();
findings_are('records_unsigned low', 'a server that never signed');

install_key();
configure_key("$dir/server.pem");
wait_signed();
findings_are('', 'a server that signs');

# the key cannot be read when the server starts: records go on
$node->stop;
rename "$dir/server.pem", "$dir/away.pem";
$node->start;
work();
wait_until(q{now() > (SELECT max(decided_at) FROM contauth_audit.decision) + interval '2.5 s'});
findings_are('checkpoint_overdue high', 'a server that cannot read its key');
rename "$dir/away.pem", "$dir/server.pem";
$node->reload;
work();
wait_signed();
findings_are('', 'and can again');

install_key();
$node->reload;
work();
wait_signed();
wait_until('(SELECT count(DISTINCT key_id) = 2 FROM contauth_audit.checkpoint)');
findings_are('signing_key_changed low', 'a key that the one before has signed');

# a key that was put there while the server was down is nobody's heir
$node->stop;
install_key();
$node->start;
work();
wait_until('(SELECT count(DISTINCT key_id) = 3 FROM contauth_audit.checkpoint)');
findings_are("signing_key_changed high\nsigning_key_changed low", 'a key that nobody has signed');

configure_key('');
work();
findings_are("records_unsigned high\nsigning_key_changed high\nsigning_key_changed low",
	'a server that has stopped signing');
my (undef, $out) = as_role($node, 'regress_contauth_auditor', undef,
	q{SELECT count(*) FROM contauth_audit.find('0 s', '1 day')
	   WHERE finding IN ('records_unsigned', 'signing_key_changed')});
is($out, '0', 'all that is not of the last while');

$node->stop;
done_testing();
