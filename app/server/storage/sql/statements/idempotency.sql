-- Which job a caller's own word stands for (idempotency.py).

-- name: claim
-- Changes a row where the word is new, or was last said before 6; not where one of its parts, which
-- lie between 7 and 8, stands for another request.
insert into idempotency (scope, word, fingerprint, job, at)
select ?1, ?2, ?3, ?4, ?5
 where not exists (select 1 from idempotency
                    where scope = ?1 and word between ?7 and ?8 and at >= ?6 and fingerprint <> ?3)
    on conflict do update set fingerprint = excluded.fingerprint, job = excluded.job,
                              at = excluded.at
                        where at < ?6;

-- name: claimed
-- What stood in the way: a part for another request, or the word 6 itself.
  select fingerprint, job from idempotency
   where scope = ?1 and word between ?2 and ?3 and at >= ?4 and (fingerprint <> ?5 or word = ?6)
order by fingerprint = ?5
   limit 1;

-- name: found
select fingerprint, job from idempotency where scope = ? and word = ?;

-- name: forget
-- A word that stands for another job by now stays.
delete from idempotency where scope = ? and word = ? and job = ?;

-- name: sweep
-- 1: callers' words from before then, 2: names of members' asks from before then.
delete from idempotency where at < ?1 and (scope not like 'device %' or at < ?2);
