-- Approvals: getting past what a person has to approve.  The agent's role is a member of
-- contauth_approver, and a policy lets it call the functions.

-- case: what escalates, by every way
-- expect: denied ZA001
-- via: simple extended prepared portal pipeline
-- after: SELECT body = 'as it was' FROM app.asked
UPDATE app.asked SET body = 'taken' WHERE id = 1;

-- case: what reads it is allowed
-- expect: allowed
-- rows: as it was
SELECT body FROM app.asked;

-- case: an update inside WITH
-- expect: denied ZA001
WITH x AS (UPDATE app.asked SET body = 'taken' RETURNING id) SELECT * FROM x;

-- case: an update inside a function
-- expect: denied ZA001
SELECT app.pl_run('UPDATE app.asked SET body = ''taken''');

-- case: an update inside a function of a superuser
-- expect: denied ZA001
SELECT app.super_do('UPDATE app.asked SET body = ''taken''');

-- case: the refusal is swallowed
-- expect: allowed
-- after: SELECT body = 'as it was' FROM app.asked
SELECT app.pl_catch('UPDATE app.asked SET body = ''taken''');

-- case: an update behind a cursor
-- expect: denied ZA001
DECLARE c CURSOR FOR SELECT app.pl_run('UPDATE app.asked SET body = ''taken''');
FETCH c;

-- case: an update that is explained
-- expect: denied ZA001
EXPLAIN ANALYZE UPDATE app.asked SET body = 'taken';

-- case: a delete by SQL's PREPARE
-- expect: denied ZA001
PREPARE p AS DELETE FROM app.asked WHERE id = $1;
EXECUTE p (1);

-- case: a delete by COPY
-- expect: denied ZA001
COPY (DELETE FROM app.asked RETURNING id) TO STDOUT;

-- case: approve it oneself
-- expect: denied 42501
SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'mine');

-- case: reject it oneself
-- expect: denied 42501
SELECT contauth.reject('00000000-0000-7000-8000-000000000000', 'mine');

-- case: approve it through a function of a superuser
-- expect: denied 42501
SELECT app.super_do('SELECT contauth.approve(''00000000-0000-7000-8000-000000000000'', ''lent'')');

-- case: become an approver
-- expect: denied 42501
SET ROLE contauth_approver;
SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'mine');

-- case: approve without presenting an identity
-- expect: denied 28000 42501
-- as: nobody
SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'mine');

-- case: the rows of requests
-- expect: denied 42501
SELECT * FROM contauth_audit.approval_request;

-- case: what is pending
-- expect: denied 42501
SELECT * FROM contauth_audit.pending_approvals;

-- case: change the state of requests
-- expect: denied 42501
UPDATE contauth_audit.approval_request SET state = 'approved';

-- case: change the state of requests as a superuser
-- expect: denied 42501
SELECT app.super_do('UPDATE contauth_audit.approval_request SET state = ''approved''');

-- case: be nobody's principal
-- expect: denied 42501
SELECT contauth.unset_principal('regress_contauth_agent', 'spiffe://acme.example/agent/support');

-- case: tell approvers what is not so
-- expect: denied 42501
NOTIFY contauth_approval, '{"event": "requested"}';

-- case: listen to what others ask for
-- expect: denied 42501
LISTEN contauth_approval;

-- case: wait for ever
-- expect: denied 42501
SET contauth.escalation_wait = '1 h';

-- case: cancel a request that is not there
-- expect: error 22023
SELECT contauth.cancel_request('00000000-0000-7000-8000-000000000000', 'mine');
