# What a superuser can do to the audit, and who notices.
#
# Each way to tamper is done inside a transaction with all triggers disabled;
# there verify() is asked, an export is taken and given to contauth-verify, and
# then everything is rolled back.  Beside each stands the untouched audit, which
# both must call intact.  The keys that are trusted lie outside the database.
#
# A failure means: an audit that was tampered with passes, one that was not does
# not, or a signing key that is not right stops the recording.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();

# --- keys ------------------------------------------------------------------------

# A key pair: NAME.pem, for the server alone, and NAME.pub.
sub make_key
{
	my ($name, @algorithm) = @_;

	run_command_ok('openssl', 'genpkey', @algorithm, '-out', "$dir/$name.pem");
	chmod 0600, "$dir/$name.pem";
	run_command_ok('openssl', 'pkey', '-in', "$dir/$name.pem", '-pubout', '-out', "$dir/$name.pub");
	return;
}

my @ed25519 = ('-algorithm', 'ED25519');
my @p256 = ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
make_key('first', @ed25519);
make_key('second', @p256);
make_key('third', @ed25519);
make_key('dba', @ed25519);

# Put a key where the server looks for it, and make it look.
sub install_key
{
	my ($name, $mode) = @_;

	unlink "$dir/server.pem";
	append_to_file("$dir/server.pem", slurp_file("$dir/$name.pem"));
	chmod $mode // 0600, "$dir/server.pem";
	return;
}

# --- the server --------------------------------------------------------------------

install_key('first');
my $issuer = new_issuer();
my $node = new_node('tamper_audit', <<"EOC");
contauth.audit_signing_key = '$dir/server.pem'
contauth.checkpoint_interval = 1
log_statement = none
EOC
install_application($node, $issuer);
my $token = token_a($issuer);

# Let the agent leave some records.
sub work
{
	my ($code, undef, $err) = as_role($node, ROLE_A, $token, <<'EOS');
SELECT count(*) FROM app.ticket;
SELECT count(*) FROM app.customer;
SELECT name, email FROM app.customer WHERE id < 6;
UPDATE app.ticket SET body = E'say "\u00e9\U0001f600"\t\\' WHERE id = 2;
SELECT body FROM app.ticket WHERE id = 2;
EOS
	die $err if $code != 0;
	records_synced($node) or die 'the audit did not catch up';
	return;
}

# Wait until a checkpoint covers all records.
sub wait_signed
{
	$node->poll_query_until('postgres', <<'EOS')
SELECT (SELECT max(seq) FROM contauth_audit.checkpoint)
	 = (SELECT max(seq) FROM contauth_audit.decision)
EOS
	  or die 'no checkpoint came';
	return;
}

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# --- verification ------------------------------------------------------------------

# What contauth-verify says about an export: "intact", or "damage first_bad".
sub offline
{
	my ($name, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'contauth-verify', @options, "$dir/$name.jsonl" ], '>', \$out, '2>', \$err);
	my $code = $? >> 8;
	return 'intact' if $code == 0 && $out =~ /^result: intact$/m;
	return "$1 $2" if $code == 1 && $out =~ /^damage: (\w+)\nfirst_bad: (\d+)$/m;
	return "exit status $code: $out$err";
}

# The options that say which keys and checkpoints.
sub signed
{
	my ($name, @keys) = @_;

	unlink "$dir/trusted.pem";
	append_to_file("$dir/trusted.pem", slurp_file("$dir/$_.pub")) foreach @keys;
	return ("--keys=$dir/trusted.pem", "--checkpoints=$dir/$name.checkpoints.jsonl");
}

# What the second verifier says: "intact" or "damaged".
sub in_python
{
	my ($name, @keys) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[
			'/usr/bin/python3', "$FindBin::RealBin/verify_export.py",
			"$dir/$name.checkpoints.jsonl", "$dir/$name.jsonl", map { "$dir/$_.pub" } @keys
		],
		'>', \$out, '2>', \$err);
	$out =~ /^(intact|damaged) / or return "$out$err";
	return $1;
}

# Tamper, ask verify(), export, and put everything back; returns what verify()
# said, in the form of offline().
sub tamper
{
	my ($name, $sql) = @_;

	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my $answer = $node->safe_psql('postgres', <<"EOS");
BEGIN;
DO \$\$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT 'contauth_audit.checkpoint'::regclass UNION ALL
			 SELECT relid FROM pg_partition_tree('contauth_audit.decision')
	LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t);
	END LOOP;
END \$\$;
\\o /dev/null
$sql;
\\o $dir/$name.checkpoints.jsonl
SELECT contauth_audit.export_checkpoints();
\\o $dir/$name.jsonl
SELECT contauth_audit.export();
\\o
SELECT CASE WHEN ok THEN 'intact' ELSE substring(damage FROM '^\\w+') || ' ' || first_bad END
  FROM contauth_audit.verify();
ROLLBACK;
EOS
	return $answer;
}

# Both must say the same.
sub both_say
{
	my ($name, $sql, $expected, $title) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(tamper($name, $sql), $expected, "$title: verify()");
	is(offline($name, signed($name, 'first')), $expected, "$title: contauth-verify");
	return;
}

# The SQL of who rewrites a record and everything after it.
sub rewrite
{
	my ($seq, $table, @key) = @_;

	return run_command_ok('/usr/bin/python3', "$FindBin::RealBin/rewrite_audit.py",
		"$dir/good.checkpoints.jsonl", "$dir/good.jsonl", $seq, $table, @key);
}

# --- untouched -----------------------------------------------------------------------

foreach (1 .. 3)
{
	work();
	wait_signed();
}
both_say('good', 'SELECT 1', 'intact', 'untouched');
is(offline('good'), 'intact', 'untouched, without checkpoints');
is(in_python('good', 'first'), 'intact', 'untouched: a verifier made from the document');
is(query('SELECT count(*) > 2, count(DISTINCT key_id), min(alg) FROM contauth_audit.checkpoint'),
	't|1|EdDSA', 'several checkpoints of one key');

my $newest = query('SELECT max(seq) FROM contauth_audit.decision');
my ($ckpt, $middle) = split /\|/, query(<<'EOS');
SELECT seq, seq + 2 FROM contauth_audit.checkpoint ORDER BY checkpoint_id OFFSET 1 LIMIT 1
EOS
my $unproven = $ckpt + 1;		# first record behind the checkpoint before $middle
my $hash = query("SELECT encode(hash, 'hex') FROM contauth_audit.decision WHERE seq = $newest");
my $partition = query(
	"SELECT tableoid::regclass FROM contauth_audit.decision WHERE seq = $middle");
my $bounds = query(
	"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = '$partition'::regclass");
cmp_ok($middle + 1, '<', $newest, 'records before and behind the one that is tampered with');

# --- records -------------------------------------------------------------------------

my $table = 'contauth_audit.decision';
both_say('edit', "UPDATE $table SET decision = 'allow', reason = 'x' WHERE seq = $middle",
	"edited $middle", 'edit');
both_say('edit_list', "UPDATE $table SET action = '{}' WHERE seq = $middle",
	"edited $middle", 'edit a list');
both_say('edit_jsonb', "UPDATE $table SET accesses = '[]' WHERE seq = $middle",
	"edited $middle", 'edit JSON');
both_say('edit_time', "UPDATE $table SET finished_at = finished_at + '1 us' WHERE seq = $middle",
	"edited $middle", 'edit a time');
both_say('delete', "DELETE FROM $table WHERE seq = $middle", "missing $middle", 'delete');
both_say('delete_first', "DELETE FROM $table WHERE seq = 1", 'missing 1', 'delete the first');
both_say('insert', "INSERT INTO $table SELECT * FROM $table WHERE seq = $middle",
	"duplicated $middle", 'insert a second record of a number');
both_say('insert_zero', <<"EOS", 'duplicated 0', 'insert a record before the first');
INSERT INTO $table SELECT d.* FROM $table AS s, jsonb_populate_record(s, '{"seq": 0}') AS d
	WHERE s.seq = 1
EOS
both_say('append', <<"EOS", 'edited ' . ($newest + 1), 'append a record');
INSERT INTO $table SELECT d.* FROM $table AS s,
	jsonb_populate_record(s, jsonb_build_object('seq', $newest + 1, 'prev_hash', s.hash)) AS d
	WHERE s.seq = $newest
EOS
both_say('reorder', <<"EOS", "reordered $middle", 'reorder');
UPDATE $table SET seq = 2 * $middle + 1 - seq WHERE seq IN ($middle, $middle + 1)
EOS
both_say('truncate', "DELETE FROM $table WHERE seq > $middle",
	'truncated ' . ($middle + 1), 'cut off the tail');
both_say('empty', "DELETE FROM $table", 'truncated 1', 'remove all records');

# --- records, with all hashes computed again -------------------------------------------

both_say('rewrite', rewrite($middle, $table), "rewritten $unproven", 'rewrite the tail');
is(offline('rewrite'), 'intact', 'rewrite the tail: the chain alone does not tell');
is(in_python('rewrite', 'first'), 'damaged', 'rewrite the tail: a verifier made from the document');
both_say('partition', <<"EOS", "rewritten $unproven", 'replace a partition');
CREATE TABLE contauth_audit.other (LIKE $partition);
INSERT INTO contauth_audit.other SELECT * FROM $partition;
@{[rewrite($middle, 'contauth_audit.other')]};
ALTER TABLE $table DETACH PARTITION $partition;
ALTER TABLE $table ATTACH PARTITION contauth_audit.other $bounds
EOS

# --- checkpoints -----------------------------------------------------------------------

both_say('forged', rewrite($middle, $table, "$dir/dba.pem"), "checkpoint_forged $unproven",
	'rewrite the tail and sign it with a key of one\'s own');
is(in_python('forged', 'first'), 'damaged', 'the same: a verifier made from the document');
is(offline('forged', signed('forged', 'first', 'dba')), 'intact', 'unless that key is trusted');
both_say('hash_only', rewrite($middle, $table) . <<"EOS", "checkpoint_forged $unproven",
UPDATE contauth_audit.checkpoint AS c SET record_hash = d.hash FROM $table AS d WHERE d.seq = c.seq
EOS
	'rewrite the tail and the hashes of the checkpoints');
both_say('edit_checkpoint',
	"UPDATE contauth_audit.checkpoint SET created_at = created_at + '1 s' WHERE seq > $ckpt",
	"checkpoint_forged $unproven", 'edit checkpoints');
both_say('delete_checkpoint', "DELETE FROM contauth_audit.checkpoint WHERE seq = $ckpt",
	'checkpoint_missing ' . (1 + query("SELECT max(seq) FROM contauth_audit.checkpoint WHERE seq < $ckpt")),
	'delete a checkpoint');
is(tamper('no_form', "UPDATE contauth_audit.checkpoint SET signature = 'x' WHERE seq > $ckpt"),
	"checkpoint_forged $unproven", 'a signature that is none: verify()');
is(offline('no_form', signed('no_form', 'first')),
	"malformed $unproven", 'a signature that is none: contauth-verify');
is(tamper('last_checkpoints', "DELETE FROM contauth_audit.checkpoint WHERE seq > $ckpt"),
	"checkpoint_missing $unproven", 'delete the last checkpoints: verify()');
is(offline('last_checkpoints', signed('last_checkpoints', 'first')),
	'intact', 'contauth-verify tells only how far the signatures reach');
is( offline('last_checkpoints', signed('last_checkpoints', 'first'), '--max-unsigned=1'),
	"checkpoint_missing $unproven", 'and calls it damage when asked to');

# --- an old export ------------------------------------------------------------------------

tamper('old',
	"DELETE FROM $table WHERE seq > $ckpt; DELETE FROM contauth_audit.checkpoint WHERE seq > $ckpt");
my @after = ("--after=$newest:$hash");
is(offline('old', signed('old', 'first')), 'intact', 'an old export is intact in itself');
is(offline('old', signed('old', 'first'), @after),
	"truncated $unproven", 'but not to who has seen a newer one');
is(offline('good', signed('good', 'first'), @after), 'intact', 'as the newer one is');
is(offline('rewrite', @after), "rewritten $newest", 'and one that was rewritten is not');

# --- verification in steps ---------------------------------------------------------------

work();
wait_signed();
append_to_file("$dir/step.jsonl", query("SELECT contauth_audit.export($newest)"));
append_to_file("$dir/step.checkpoints.jsonl", query('SELECT contauth_audit.export_checkpoints()'));
is(offline('step', signed('step', 'first'), @after), 'intact', 'from the last record on');
is(offline('step', signed('step', 'first')), 'missing 1', 'which is not the whole audit');
is( offline('step', "--after=$newest:" . '0' x 64),
	"rewritten $newest", 'nor the continuation of another one');

# --- rotation ------------------------------------------------------------------------------

install_key('second');
$node->reload;
my $rotated = "SELECT count(*) FROM contauth_audit.checkpoint WHERE key_id <> "
  . "(SELECT key_id FROM contauth_audit.checkpoint WHERE checkpoint_id = 1)";
$node->poll_query_until('postgres', "SELECT ($rotated) > 0") or die 'the new key does not sign';
work();
wait_signed();
both_say('rotated', 'SELECT 1', 'intact', 'a new key, when the old one is trusted');
is(in_python('rotated', 'first'), 'intact', 'the same: a verifier made from the document');
is(query("SELECT alg, previous_key_id IS NOT NULL FROM contauth_audit.checkpoint"
		. " WHERE alg = 'ES256' ORDER BY checkpoint_id LIMIT 1"),
	'ES256|t', 'its first checkpoint is signed by both');
is(offline('rotated', signed('rotated', 'dba')), 'checkpoint_forged 1', 'another key is not enough');
my $count = query('SELECT count(*) FROM contauth_audit.checkpoint');
is(tamper('uncrossed', 'UPDATE contauth_audit.checkpoint SET previous_signature = NULL, previous_key_id = NULL'),
	'intact', 'without the old key\'s signature: the server knows its key');
like(offline('uncrossed', signed('uncrossed', 'first')), qr/^checkpoint_forged /,
	'but who trusts only the old one does not');
is(offline('uncrossed', signed('uncrossed', 'first', 'second')), 'intact', 'unless told of both');

# --- shutdown ------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', 'contauth.checkpoint_interval = 86400');
$node->reload;
work();
cmp_ok(query('SELECT max(seq) FROM contauth_audit.decision'),
	'>', query('SELECT max(seq) FROM contauth_audit.checkpoint'), 'records wait for a checkpoint');
my $waiting = query('SELECT max(seq) FROM contauth_audit.decision');
install_key('third');			# too late for this worker
$node->restart;
is(query("SELECT max(seq) >= $waiting FROM contauth_audit.checkpoint WHERE alg = 'ES256'"),
	't', 'a checkpoint is made at shutdown');
$node->poll_query_until('postgres', <<'EOS') or die 'the third key does not sign';
SELECT alg = 'EdDSA' AND previous_key_id IS NULL
  FROM contauth_audit.checkpoint ORDER BY checkpoint_id DESC LIMIT 1
EOS
is(tamper('restarted', 'SELECT 1'), 'intact', 'a new key at a restart: verify()');
is(offline('restarted', signed('restarted', 'first', 'third')),
	'intact', 'a new key at a restart: contauth-verify, told of it');
like(offline('restarted', signed('restarted', 'first')), qr/^checkpoint_forged /, 'and not');

# --- a key that is not right -----------------------------------------------------------------

$node->append_conf('postgresql.conf', 'contauth.checkpoint_interval = 1');
foreach my $case (
	[ 'read by others', sub { chmod 0644, "$dir/server.pem" }, qr/has group or world access/ ],
	[ 'not there', sub { unlink "$dir/server.pem" }, qr/could not be opened/ ],
	[ 'public', sub { append_to_file("$dir/server.pem", slurp_file("$dir/third.pub"));
			chmod 0600, "$dir/server.pem" }, qr/does not hold an unencrypted private key/ ])
{
	my ($title, $break, $reason) = @$case;
	my $offset = -s $node->logfile;

	$break->();
	$node->reload;
	$node->wait_for_log($reason, $offset);
	work();
	wait_signed();
	pass("a key file that is $title: a warning, and the key before goes on");
}
$node->restart;
my $before = query('SELECT max(seq) FROM contauth_audit.checkpoint');
work();
is(query('SELECT max(seq) FROM contauth_audit.checkpoint'), $before,
	'after a restart nothing is signed');
cmp_ok(query('SELECT max(seq) FROM contauth_audit.decision'), '>', $before,
	'but everything is recorded');
$node->poll_query_until('postgres',
	"SELECT damage ~ '^checkpoint_missing' AND first_bad = $before + 1 FROM contauth_audit.verify()")
  or die 'verify() does not tell';
pass('and verify() tells');
install_key('third');
$node->reload;
wait_signed();
is(query('SELECT ok FROM contauth_audit.verify()'), 't', 'until the key is back');

# --- somebody locks the checkpoints -----------------------------------------------------------

my $locker = open_session($node);
sqlstate_is($locker, 'BEGIN; LOCK TABLE contauth_audit.checkpoint', '00000', 'a lock is taken');
work();
work();
pass('records do not wait for it');
sqlstate_is($locker, 'ROLLBACK', '00000', 'the lock is given up');
$locker->quit;
wait_signed();

# --- cut off while nobody looks ----------------------------------------------------------------

query(<<"EOS");
ALTER TABLE contauth_audit.decision DISABLE TRIGGER ALL;
ALTER TABLE $partition DISABLE TRIGGER ALL;
DELETE FROM contauth_audit.decision WHERE seq > $ckpt;
EOS
is(query('SELECT damage, first_bad FROM contauth_audit.verify()'),
	"truncated|$unproven", 'cut off: before the restart');
my $offset = -s $node->logfile;
$node->restart;
$node->wait_for_log(qr/the audit ends at record $ckpt, before its newest checkpoint/, $offset);
is(query('SELECT substring(damage FROM \'^\w+\'), first_bad FROM contauth_audit.verify()'),
	"truncated|$unproven", 'cut off: after the restart');

$node->stop;
done_testing();
