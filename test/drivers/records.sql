-- What is on record of each step of each run of the suite, as JSON: run -> step
-- -> lines, returned, affected.  A line for each record that differs from those
-- before it: decision, reason, SQLSTATE, accesses.  And how many rows all of
-- them together returned and changed.
--
-- Left out is what drivers send by themselves or in other numbers, inherent in
-- their ways: transaction control, SET, PREPARE, CLOSE and the like,
-- authenticate(), and how often a statement ran.  Catalogs count as one, since
-- they differ from version to version.
WITH record AS (
    SELECT application_name AS run, task_id AS step, seq, statement_kind, rows_returned,
           rows_affected,
           concat_ws(' ', decision, nullif(reason_code, 'permit'), nullif(sqlstate, '00000')) ||
           coalesce(': ' || accessed, '') AS line
      FROM contauth_audit.decision
      LEFT JOIN LATERAL (
               SELECT string_agg(DISTINCT concat_ws(' ',
                          CASE WHEN a ->> 'decision' <> 'allow' THEN 'not' END,
                          CASE WHEN a ->> 'relation' ~ '^(pg_catalog|information_schema)\.'
                               THEN 'catalog'
                               ELSE concat_ws(' ', a ->> 'action',
                                    (a ->> 'relation') || coalesce('(' || columns || ')', ''),
                                    'masks ' || masks,
                                    CASE WHEN a ? 'row_filter' THEN 'filtered' END)
                          END), '; ')
                 FROM jsonb_array_elements(accesses) AS a,
                      LATERAL (SELECT string_agg(c, ',' ORDER BY c)
                                 FROM jsonb_array_elements_text(a -> 'columns') AS c) AS c (columns),
                      LATERAL (SELECT string_agg(m, ' ' ORDER BY m)
                                 FROM jsonb_array_elements_text(a -> 'masks') AS m) AS m (masks)
           ) AS a (accessed) ON true
     WHERE task_id IS NOT NULL
       AND (accesses IS NULL OR accesses -> 0 ->> 'relation' <> 'contauth.authenticate')
       AND NOT (decision = 'allow' AND statement_kind IN
                ('BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'SET', 'SHOW',
                 'PREPARE', 'DEALLOCATE', 'CLOSE CURSOR'))
), line AS (
    SELECT run, step, line, min(seq) AS seq, sum(rows_returned) AS returned,
           sum(rows_affected) AS affected
      FROM record GROUP BY run, step, line
), step AS (
    SELECT run, step, json_agg(line ORDER BY seq) AS lines,
           coalesce(sum(returned), 0) AS returned, coalesce(sum(affected), 0) AS affected
      FROM line GROUP BY run, step
), run AS (
    SELECT run, json_object_agg(step, json_build_object(
               'lines', lines, 'returned', returned, 'affected', affected)) AS steps
      FROM step GROUP BY run
)
SELECT json_object_agg(run, steps) FROM run;
