-- Revocation, the kill switch and break-glass: stopping others, going on when one is to
-- stop, opening what is closed.  The agent's role may execute the functions as far as
-- PostgreSQL is concerned, and a policy lets it call them.

-- case: revoke another agent
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.revocation
SELECT contauth.revoke('agent', 'spiffe://acme.example/agent/other', 'mine');

-- case: revoke everybody through a function of a superuser
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.revocation
SELECT app.super_do('SELECT contauth.revoke(''trust_domain'', ''acme.example'', ''mine'')');

-- case: revoke by an INSERT
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.revocation
INSERT INTO contauth.revocation (kind, id, reason) VALUES ('trust_domain', 'acme.example', 'mine');

-- case: take a revocation back
-- expect: denied 42501
-- via: simple extended prepared portal
SELECT contauth.unrevoke('agent', 'spiffe://acme.example/agent/support', 'mine');

-- case: take it back by a DELETE of a superuser
-- expect: denied 42501
SELECT app.super_do('DELETE FROM contauth.revocation');

-- case: throw the kill switch
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.kill_switch_state
SELECT contauth.kill_switch(true, 'mine');

-- case: lift the kill switch
-- expect: denied 42501
-- via: simple extended prepared portal
-- after: SELECT count(*) = 0 FROM contauth.kill_switch_state
SELECT contauth.kill_switch(false, 'mine');

-- case: lift it inside a function that swallows the refusal
-- expect: allowed
-- after: SELECT count(*) = 0 FROM contauth.kill_switch_state
SELECT app.pl_catch('SELECT contauth.kill_switch(false, ''mine'')');

-- case: lift it without presenting an identity
-- expect: denied 28000 42501
-- as: nobody
SELECT contauth.kill_switch(false, 'mine');

-- case: break glass for oneself
-- expect: denied 42501
-- via: simple extended prepared portal
-- after: SELECT count(*) = 0 FROM contauth.break_glass_grant
SELECT contauth.break_glass('spiffe://acme.example/agent/support', 'mine', '1 hour');

-- case: break glass through a function of a superuser
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.break_glass_grant
SELECT app.super_do('SELECT contauth.break_glass(''spiffe://acme.example/agent/support'', ''mine'', ''1 hour'')');

-- case: break glass by an INSERT
-- expect: denied 42501
-- after: SELECT count(*) = 0 FROM contauth.break_glass_grant
INSERT INTO contauth.break_glass_grant (agent, reason, ends_at)
VALUES ('spiffe://acme.example/agent/support', 'mine', now() + interval '1 hour');

-- case: break glass, swallow the refusal and read
-- expect: last denied 42501
-- after: SELECT count(*) = 0 FROM contauth.break_glass_grant
SELECT app.pl_catch('SELECT contauth.break_glass(''spiffe://acme.example/agent/support'', ''mine'', ''1 hour'')');
SELECT secret FROM app.vault;

-- case: let break-glass last
-- expect: denied 42501
UPDATE contauth.break_glass_grant SET ends_at = opened_at + interval '8 hours';

-- case: review what one was given
-- expect: denied 42501
SELECT contauth.review_break_glass('00000000-0000-7000-8000-000000000000', 'fine');

-- case: a policy with the name of break-glass
-- expect: denied 42501
SELECT contauth.create_policy('break_glass', 'permit');
