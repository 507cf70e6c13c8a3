# Tokens and grants are secrets.  Their text is in none of: settings, error
# messages, the server's log in any of its formats although everything is
# logged, what other sessions see when they are presented with bind parameters,
# the audit.  A failure means that who reads logs, statistics or the audit can
# act as an agent.
#
# Searched are the whole text, each of its three parts, pieces of them (what is
# cut off or broken into lines is still of use), and what the payload says.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use constant ALICE => 'https://issuer.acme.example|alice';
use constant PIECE => 24;
use constant AUDIT_TEXT_MAX => 131072;	# bytes of a statement in the audit

my $issuer = new_issuer();
my $serial = 0;
my $node = new_node('secrecy', <<'EOC');
shared_preload_libraries = 'contauth, pg_stat_statements, auto_explain'
logging_collector = on
log_destination = 'stderr, csvlog, jsonlog'
log_directory = 'log'
log_filename = 'server.log'
log_rotation_age = 0
log_rotation_size = 0
log_connections = on
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_min_messages = debug1
log_error_verbosity = verbose
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
pg_stat_statements.track = all
auto_explain.log_min_duration = 0
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
EOC
install_application($node, $issuer);
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION pg_stat_statements;
CREATE FUNCTION app.raise_it(said text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG '%', said;
	RAISE WARNING '%', said USING DETAIL = said, HINT = said;
	RAISE EXCEPTION '%', said USING DETAIL = said, HINT = said;
END $$;
CREATE FUNCTION app.execute_it(said text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT %L::integer', said);
END $$;
CREATE FUNCTION app.tell_setting() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '%', current_setting('contauth.token');
	RAISE WARNING '%', current_setting('contauth.delegation');
	RAISE EXCEPTION '%', (SELECT string_agg(s::text, ' ') FROM pg_settings AS s
		WHERE name LIKE 'contauth.%');
END $$;
SELECT contauth.create_policy('call_it', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
EOS

# --- secrets, and how they are searched ------------------------------------------

# A token of agent A whose payload says something that is nowhere else.
sub secret_token
{
	return token_a($issuer, secret => 'CLAIMSECRET' . ++$serial, @_);
}

# A grant to agent A, in the same way.
sub secret_grant
{
	return $issuer->sign(encode_json({
		iss => ALICE, sub => AGENT_A, aud => ContauthTest::AUDIENCE, iat => time - 10,
		exp => time + 3600, jti => "grant-$serial", secret => 'GRANTSECRET' . ++$serial }));
}

# A token whose header is given as text.
sub token_with_header
{
	my ($header) = @_;
	my $payload = (split /\./, secret_token())[1];
	my $input = encode_base64url($header) . ".$payload";
	my $signature;

	IPC::Run::run([ 'openssl', 'dgst', '-sha256', '-sign', $issuer->{key} ],
		'<', \$input, '>', \$signature) or die 'openssl dgst failed';
	return "$input." . encode_base64url($signature);
}

# All that must not be found of a token or grant.
sub forms
{
	my ($token) = @_;
	my ($header, $payload, $signature) = split /\./, $token;
	my %found = ($token => 'all of it', $header => 'its header');

	foreach my $part ([ payload => $payload ], [ signature => $signature ])
	{
		my ($name, $text) = @$part;
		for (my $i = 0; $i + PIECE <= length $text; $i += 4)
		{
			$found{substr($text, $i, PIECE)} = "its $name from $i on";
		}
	}
	$found{$1} = 'a claim' if MIME::Base64::decode_base64url($payload) =~ /"secret":"(\w+)"/;
	return %found;
}

# What of the secrets a text holds, at most four things; '' when nothing.
sub found
{
	my ($text, @secrets) = @_;
	my %all = map { forms($_) } @secrets;
	my $any = join '|', map { quotemeta } sort { length $b <=> length $a } keys %all;
	my %seen;

	$seen{ $all{$1} } = 1 while keys %seen < 4 && $text =~ /($any)/g;
	return join ', ', sort keys %seen;
}

# The first lines of a text that hold one of the secrets, to show where.
sub lines_with
{
	my ($text, @secrets) = @_;
	my @lines = grep { found($_, @secrets) ne '' } split /\n/, $text;

	splice @lines, 4 if @lines > 4;
	return join "\n", map { substr($_, 0, 200) } @lines;
}

# A text must hold nothing of the secrets.
sub keeps
{
	my ($text, $title, @secrets) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(found($text, @secrets), '', $title) || diag(lines_with($text, @secrets));
}

# Texts that are written as lists of bytes, as in printed plans.
sub byte_lists
{
	my ($text) = @_;
	my $result = '';

	while ($text =~ /\[((?:\s*-?\d+){16,})\s*\]/g)
	{
		$result .= join('', map { chr($_ & 255) } split ' ', $1) . "\n";
	}
	return $result;
}

# --- the server's log, in its three formats -------------------------------------------

my @log_files = map { $node->data_dir . "/log/server.$_" } qw(log csv json);
my $marks = 0;

# Wait until all that was logged so far is in the files; returns their lengths.
sub log_mark
{
	my $mark = 'MARK' . ++$marks . 'END';

	$node->safe_psql('postgres', "DO \$\$ BEGIN RAISE LOG '$mark'; END \$\$");
	foreach my $file (@log_files)
	{
		my $tries = 0;
		sleep(0.05) until slurp_file($file) =~ /$mark/ || $tries++ > 600;
	}
	return map { -s $_ } @log_files;
}

# What was logged between two marks, by name of the format.
sub log_between
{
	my ($from, $to) = @_;

	return map {
		my $text = slurp_file($log_files[$_], $from->[$_]);
		(qw(stderr csvlog jsonlog))[$_] => substr($text, 0, $to->[$_] - $from->[$_]);
	} 0 .. 2;
}

# No format may hold the secrets; returns what was logged to standard error.
sub log_keeps
{
	my ($from, $title, @secrets) = @_;
	my @to = log_mark();
	my %text = log_between($from, \@to);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $format (sort keys %text)
	{
		keeps($text{$format}, "$title: not in $format", @secrets);
	}
	return $text{stderr};
}

# Change settings of the server; sessions opened after it have them.
sub configure
{
	my (%settings) = @_;

	$node->append_conf('postgresql.conf', "$_ = $settings{$_}") foreach sort keys %settings;
	$node->reload;
	foreach my $name (keys %settings)
	{
		$node->poll_query_until('postgres',
			"SELECT setting = '$settings{$name}' FROM pg_settings WHERE name = '$name'");
	}
	return;
}

# Run the driver, with all that it does or with some statements only; returns
# its answers by title.
sub drive
{
	my ($token, $delegation, %only) = @_;
	my $input = encode_json({
		dsn => $node->connstr('postgres') . ' user=' . ROLE_A,
		admin_dsn => $node->connstr('postgres'),
		token => $token, delegation => $delegation, only => \%only });
	my ($out, $err) = ('', '');
	my %answers;

	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/secrecy_agent.py" ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "the driver failed: $err";
	foreach my $line (map { decode_json($_) } split /\n/, $out)
	{
		$answers{$line->[0]} .= "$line->[1]\n";
	}
	return %answers;
}

# --- the search itself ---------------------------------------------------------------------

my $token = secret_token();
my $grant = secret_grant();
my $delegation = encode_json([$grant]);
is(found("x $_ y", $token) ne '', 1, 'the search finds what it should')
  foreach $token, substr($token, 0, 200), substr($token, -100), split(/\./, $token),
  "CLAIMSECRET1";
is(found('x ' . join(' ', 'header.payload.signature', AGENT_A), $token), '', 'and nothing else');

# --- bind parameters ------------------------------------------------------------------------

my @mark = log_mark();
my %answers = drive($token, $delegation);
my $log = log_keeps(\@mark, 'bind parameters', $token, $grant);

like($answers{authenticate}, qr/\Q@{[AGENT_A]}\E.*\Q@{[ALICE]}\E/, 'authenticate() with bind parameters');
like($answers{'authenticate prepared'}, qr/\Q@{[AGENT_A]}\E/, 'also prepared');
like($answers{activity}, qr/contauth\.authenticate\(\$1, \$2::jsonb\)/, 'pg_stat_activity shows the statement');
like($answers{statistics}, qr/contauth\.authenticate\(\$1, \$2::jsonb\)/, 'pg_stat_statements does');
is($answers{works}, "[[\"5\"]]\n", 'the session works');
like($answers{denied}, qr/42501/, 'a denied statement');
like($answers{'wrong signature'}, qr/28000/, 'a token that is refused');
like($answers{'wrong delegation'}, qr/ZA002/, 'a grant that is refused');
like($answers{'as integer'}, qr/22P02/, 'a cast that fails');
like($answers{raised}, qr/P0001/, 'a function that raises it');
like($answers{$_}, qr/sha256:[0-9a-f]{64}/, "$_ gives a digest")
  foreach 'show token', 'show delegation', 'current_setting';
keeps($answers{$_}, "not in the answer: $_", $token, $grant) foreach sort keys %answers;
like($log, qr/contauth\.authenticate\(\$1, \$2::jsonb\)/, 'the statements are in the log');
like($log, qr/parameters: \$1 = '\[token\]'/, 'with their parameters');
like($log, qr/plan:/, 'the plans are');
keeps(byte_lists($log), 'bind parameters: nor as the bytes of a printed plan', $token, $grant);

configure(debug_print_plan => 'off', debug_print_parse => 'off', debug_print_rewritten => 'off');

# Run the driver, and search its answers and the log for what it presents.
sub drive_keeps
{
	my ($title, $secret, $other, %only) = @_;
	my @from = log_mark();
	my %answer = drive($secret, encode_json([$other]), %only);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	log_keeps(\@from, $title, $secret, $other);
	keeps(join("\n", map { $answer{$_} } sort keys %answer),
		"$title: not in any answer", $secret, $other);
	return %answer;
}

# what stands in front of it, and messages that show a part
drive_keeps('glued to another word', secret_token(), secret_grant(),
	it => q{SELECT ('token_' || {t})::text::integer});
drive_keeps('its first part, from the JSON parser', secret_token(), secret_grant(),
	it => q{SELECT {t}::text::jsonb});
drive_keeps('its beginning, in a message', secret_token(), secret_grant(),
	it => q{SELECT app.raise_it(left({t}::text, 200))});
# parameters that are logged in part
configure(log_parameter_max_length => 150, log_parameter_max_length_on_error => 150);
drive_keeps('parameters cut off', secret_token(), secret_grant());
configure(log_parameter_max_length => -1, log_parameter_max_length_on_error => -1);

# --- all that a header may begin with -------------------------------------------------------------

foreach my $case (
	[ 'blanks', qq({ "alg": "RS256", "kid": "k1" }) ],
	[ 'lines', qq({\n  "alg": "RS256",\n  "kid": "k1"\n}) ],
	[ 'lines of Windows', qq({\r\n"alg":"RS256","kid":"k1"}) ],
	[ 'tabs', qq({\t"alg":"RS256","kid":"k1"}) ],
	[ 'a blank in front', qq( {"alg":"RS256","kid":"k1"}) ],
	[ 'a line in front', qq(\n{"alg":"RS256","kid":"k1"}) ])
{
	my ($title, $header) = @$case;
	%answers = drive_keeps("header with $title", token_with_header($header), secret_grant(),
		it => 'SELECT {t}::text::integer');
	note("header with $title: " . substr($answers{authenticate}, 0, 60));
}

# --- literals ------------------------------------------------------------------------------------

# Run statements with literals; neither messages nor the log may hold them.
# psql repeats the statement itself in LINE; the server must not.
sub literal_is_kept
{
	my ($session, $title, $sql, $expected, @secrets) = @_;
	my ($sqlstate, $output, $errors) = attempt($session, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($sqlstate, $expected, "$title: SQLSTATE $sqlstate") or diag($errors);
	$errors =~ s/^(LINE|QUERY).*$//mg;
	keeps("$output\n$errors", "$title: not in output and messages", @secrets);
	return;
}

$token = secret_token();
$grant = secret_grant();
$delegation = encode_json([$grant]);
my @secrets = ($token, $grant);
@mark = log_mark();
my $session = open_session($node, ROLE_A);
my $ok = qr/^00000$/;
my $refused = qr/^(?!00000)/;
foreach my $case (
	[ 'SET', "SET contauth.token = '$token'; SET contauth.delegation = '$delegation'", $ok ],
	[ 'SHOW', 'SHOW contauth.token; SHOW contauth.delegation; SHOW ALL', $ok ],
	[ 'current_setting', "SELECT current_setting('contauth.token'), current_setting('contauth.delegation')", $ok ],
	[ 'pg_settings', "SELECT * FROM pg_settings WHERE name LIKE 'contauth%'", $ok ],
	[ 'set_config of the setting', "SELECT set_config('application_name', current_setting('contauth.token'), false)", $ok ],
	[ 'cast of the setting', "SELECT current_setting('contauth.token')::integer", $refused ],
	[ 'function that tells settings', 'SELECT app.tell_setting()', $refused ],
	[ 'SET with more', "SET contauth.token = '${token}x'", $refused ],
	[ 'SET with less', "SET contauth.token = '" . substr($token, 0, -8) . "'", $refused ],
	[ 'SET LOCAL twice as long', "SET LOCAL contauth.token = '$token.$token'", $refused ],
	[ 'SET of a grant as token', "SET contauth.token = '$grant'", $refused ],
	[ 'SET of a token as delegation', "SET contauth.delegation = '$token'", $refused ],
	[ 'SET of no array', "SET contauth.delegation = '{\"a\": \"$grant\"}'", $refused ],
	[ 'SET of a broken array', "SET contauth.delegation = '[\"$grant\"'", $refused ],
	[ 'SET of another setting', "SET contauth.audience = '$token'", $refused ],
	[ 'SET of an unknown setting', "SET contauth.tokens = '$token'", $refused ],
	[ 'SET of a number', "SET work_mem = '$token'", $refused ],
	[ 'authenticate()', "SELECT contauth.authenticate('$token', '$delegation')", $ok ],
	[ 'authenticate() with more', "SELECT contauth.authenticate('${token}x', '$delegation')", $refused ],
	[ 'authenticate() with a bad grant', "SELECT contauth.authenticate('$token', '[\"${grant}x\"]')", $refused ],
	[ 'authenticate() in a statement', "SELECT contauth.authenticate('$token', '$delegation'), notes FROM app.customer", $refused ],
	[ 'set_config', "SELECT set_config('contauth.token', '${token}x', false)", $refused ],
	[ 'EXECUTE with a parameter', "PREPARE p(text) AS SELECT \$1::integer; EXECUTE p('$token')", $refused ],
	[ 'ALTER ROLE', "ALTER ROLE @{[ROLE_A]} SET contauth.token = '$token'", $refused ],
	[ 'syntax error', "SELECT '$token' FROM FROM x", $refused ],
	[ 'syntax error at it', "SELECT 1 '$token'", $refused ],
	[ 'in a comment', "SELECT 1/0 /* $token */", $refused ],
	(map { [ "as $_", "SELECT '$token'::$_", $refused ] }
		qw(integer uuid timestamptz inet regclass regrole)),
	[ 'function that raises it', "SELECT app.raise_it('$token')", $refused ],
	[ 'function that raises a delegation', "SELECT app.raise_it('$delegation')", $refused ],
	[ 'inner SQL', "SELECT app.execute_it('$token')", $refused ],
	[ 'RESET', "RESET contauth.token; RESET contauth.delegation; SHOW contauth.token; SHOW contauth.delegation", $ok ])
{
	my ($title, $sql, $expected) = @$case;
	literal_is_kept($session, $title, $sql, $expected, @secrets);
}
is((attempt($session, 'SHOW contauth.token'))[1], '', 'nothing is left after RESET');
$session->quit;
log_keeps(\@mark, 'literals', @secrets);

# literals of which a message shows the beginning: names end after 63 bytes
$token = token_with_header('{"alg":"RS256","kid":"k1"}');
@secrets = ($token, $grant);
@mark = log_mark();
$session = open_session($node, ROLE_A);
literal_is_kept($session, 'a grant where JSON is due',
	"SELECT contauth.authenticate('$token', '$grant')", $refused, @secrets);
literal_is_kept($session, 'as a name', "SELECT * FROM app.\"$token\"", $refused, @secrets);
$session->quit;
log_keeps(\@mark, 'beginnings', @secrets);

# Who is not governed has secrets, too, and so has whoever fails to connect
@mark = log_mark();
$session = open_session($node, 'regress_contauth_human');
literal_is_kept($session, 'a person: cast', "SELECT '$token'::integer", $refused, @secrets);
literal_is_kept($session, 'a person: raised', "SELECT app.raise_it('$delegation')", $refused, @secrets);
$session->quit;
my ($code, $out, $err);
foreach my $option ("contauth.token=${token}x", "contauth.delegation=$token",
	"contauth.nothing=$token", "work_mem=$token", "$token=1")
{
	local $ENV{PGOPTIONS} = "-c $option";
	($code, $out, $err) = as_role_with_options($option);
	keeps("$out$err", 'not in what a connection option answers', @secrets);
}
log_keeps(\@mark, 'people and connection options', @secrets);

# A connection with an option, which may fail.
sub as_role_with_options
{
	my ($option) = @_;
	my ($output, $errors) = ('', '');
	my $exit = $node->psql('postgres', 'SELECT 1; SHOW ALL', stdout => \$output,
		stderr => \$errors, extra_params => [ '-U', ROLE_A ]);

	return ($exit, $output, $errors);
}

# --- literals in trees that are printed -------------------------------------------------------------

configure(debug_print_plan => 'on', debug_print_parse => 'on', debug_print_rewritten => 'on');
$token = secret_token();
@mark = log_mark();
$session = open_session($node, ROLE_A);
sqlstate_is($session, "SELECT contauth.authenticate('$token')", '00000', 'a literal');
sqlstate_is($session, "SET contauth.token = '$token'", '00000', 'SET');
$session->quit;
$log = log_keeps(\@mark, 'printed trees', $token);
keeps(byte_lists($log), 'nor as bytes', $token);
configure(debug_print_plan => 'off', debug_print_parse => 'off', debug_print_rewritten => 'off');

# --- where a token cannot be stored ------------------------------------------------------------------

my $admin = open_session($node);
foreach my $setting ([ token => $token ], [ delegation => encode_json([$grant]) ])
{
	my ($name, $secret) = @$setting;
	foreach my $bad (
		"ALTER ROLE @{[ROLE_A]} SET contauth.$name = '$secret'",
		"ALTER ROLE @{[ROLE_A]} IN DATABASE postgres SET contauth.$name = '$secret'",
		"ALTER ROLE ALL SET contauth.$name = '$secret'",
		"ALTER DATABASE postgres SET contauth.$name = '$secret'",
		"ALTER SYSTEM SET contauth.$name = '$secret'",
		"CREATE FUNCTION app.f() RETURNS integer LANGUAGE sql SET contauth.$name = '$secret' AS 'SELECT 1'")
	{
		my ($kind) = $bad =~ /^(.*?) SET/;
		literal_is_kept($admin, "$kind: contauth.$name cannot be stored", $bad, $refused, $token, $grant);
	}
}
$admin->quit;
keeps($node->safe_psql('postgres', <<'EOS'), 'none was', $token, $grant);
TABLE pg_db_role_setting;
SELECT proconfig FROM pg_proc WHERE proconfig IS NOT NULL;
TABLE pg_file_settings
EOS
keeps(slurp_file($node->data_dir . '/postgresql.auto.conf'), 'in no file', $token, $grant);

# --- the audit ----------------------------------------------------------------------------------------

foreach my $how ('normalized', 'full')
{
	configure('contauth.audit_statement' => $how);
	$token = secret_token();
	$grant = secret_grant();
	$delegation = encode_json([$grant]);
	my $lines = token_with_header(qq({\n  "alg": "RS256",\n  "kid": "k1"\n}));
	drive($token, $delegation);
	$session = open_session($node, ROLE_A);
	attempt($session, $_) foreach
	  "SET contauth.token = '$token'",
	  "SET contauth.delegation = '$delegation'",
	  "SET contauth.token = '${token}x'",
	  "SELECT contauth.authenticate('$token')",
	  "SELECT contauth.authenticate('$token', '$delegation')",
	  "SELECT set_config('contauth.token', '$token', false)",
	  "SELECT set_config('contauth.delegation', '$delegation', false)",
	  "SELECT contauth.authenticate('$token'), notes FROM app.customer",
	  "SELECT '$token'::integer",
	  "SELECT app.raise_it('$token')",
	  "SELECT app.execute_it('$token')",
	  "SELECT id /* $token */ FROM app.customer",
	  "SELECT id AS \"$token\" FROM app.customer",
	  "DECLARE c CURSOR FOR SELECT '$token'",
	  "PREPARE p(text) AS SELECT \$1; EXECUTE p('$token')",
	  "PREPARE q AS SELECT '$token'; EXECUTE q";
	$out = decisions($node, 'TABLE contauth_audit.decision; TABLE contauth_audit.admin_event');
	like($out, qr/\Q@{[AGENT_A]}\E/, "$how: the audit has records");
	keeps($out, "$how: without token and grant", $token, $grant);

	# a statement so long that the record ends in the middle of the token
	my $long = secret_token();
	my $head = "SELECT '' AS padding, '";
	my $seen = length((split /\./, $long)[0]) + 101;
	attempt($session, "SELECT '" . 'x' x (AUDIT_TEXT_MAX - length($head) - $seen)
		. "' AS padding, '$long' AS value");
	$out = decisions($node, 'TABLE contauth_audit.decision');
	keeps($out, "$how: a token that the record cuts off", $long);

	attempt($session, "SET contauth.token = '$lines'");
	attempt($session, "SELECT '$lines' AS value");
	$out = decisions($node, 'TABLE contauth_audit.decision');
	keeps($out, "$how: a token whose header has lines", $lines);
	$session->quit;
}

# what the client says of itself is recorded, but not a secret that it says
foreach my $name ('contauth.purpose', 'contauth.task_id', 'contauth.traceparent', 'application_name')
{
	$token = secret_token();
	$session = open_session($node, ROLE_A, $token);
	attempt($session, "SET $name = '$token'; SELECT id FROM app.customer");
	$session->quit;
	$out = decisions($node, 'TABLE contauth_audit.decision');
	keeps($out, "a token as $name is not recorded", $token);
}

# --- what PostgreSQL does not allow to hide -----------------------------------------------------------

# As README says under "Keep tokens out of sight": the statement itself is seen
# by who may see others' statements.  When this fails, README can promise more.
$token = secret_token();
$grant = secret_grant();
$session = open_session($node, ROLE_A);
$session->{stdin} .= "SET contauth.token = '$token';\n";
$session->{run}->pump_nb;
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_activity'
	. " WHERE query LIKE 'SET contauth.token%' AND state = 'idle'");
my $activity = "SELECT string_agg(query, ' ') FROM pg_stat_activity";
my $statistics = "SELECT string_agg(query, ' ') FROM pg_stat_statements";
like($node->safe_psql('postgres', $activity), qr/\Q$token\E/,
	'documented: pg_stat_activity shows a token that is a literal');
# from 18 on it puts $1 in the place of what is SET
my $kept = index($node->safe_psql('postgres', $statistics), $token) >= 0;
is($kept, $node->pg_version < 18, 'documented: pg_stat_statements keeps it with SET');
attempt($session, 'SELECT 1');
keeps($node->safe_psql('postgres', $activity), 'pg_stat_activity shows it until the next statement', $token);
$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
attempt($session, "SELECT contauth.authenticate('$token', '@{[encode_json([$grant])]}')");
keeps($node->safe_psql('postgres', $statistics),
	'pg_stat_statements replaces the literals of authenticate()', $token, $grant);
$session->quit;

$node->stop;
done_testing();
