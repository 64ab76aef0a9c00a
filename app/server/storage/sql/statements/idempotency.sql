-- Which job a caller's own word stands for (idempotency.py).

-- name: claim
-- Changes a row where the word is new, or was last said before the last value.
insert into idempotency (scope, word, fingerprint, job, at)
values (?, ?, ?, ?, ?)
    on conflict do update set fingerprint = excluded.fingerprint, job = excluded.job,
                              at = excluded.at
                        where at < ?;

-- name: claimed
select fingerprint, job from idempotency where scope = ? and word = ?;

-- name: forget
-- A word that stands for another job by now stays.
delete from idempotency where scope = ? and word = ? and job = ?;

-- name: sweep
-- 1: callers' words from before then, 2: names of members' asks from before then.
delete from idempotency where at < ?1 and (scope not like 'device %' or at < ?2);
