-- This device's chain of receipts for each pool (pool_receipts.py). Columns in the order of
-- KeptReceipt.

-- name: counts
-- All, and those that the host has not counter-signed.
select count(*), count(*) filter (where verdict is null) from pool_receipts where pool = ?;

-- name: head
select hash from pool_receipts where pool = ? order by number desc limit 1;

-- name: add
insert into pool_receipts (pool, number, job, attempt, model, finished, receipt, signature, hash,
                           finished_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: settle
update pool_receipts
   set verdict = ?, verdict_signature = ?, earned = ?, settled_at = ?
 where pool = ? and number = ? and verdict is null;

-- name: find
select number, job, attempt, model, finished, receipt, signature, hash, finished_at, verdict,
       verdict_signature, earned, settled_at
  from pool_receipts
 where pool = ? and job = ? and attempt = ?
 order by number;

-- name: from_number
select number, job, attempt, model, finished, receipt, signature, hash, finished_at, verdict,
       verdict_signature, earned, settled_at
  from pool_receipts
 where pool = ? and number >= ?
 order by number;

-- name: without_verdict
select number, job, attempt, model, finished, receipt, signature, hash, finished_at, verdict,
       verdict_signature, earned, settled_at
  from pool_receipts
 where pool = ? and verdict is null
 order by number;

-- name: newest
-- 1: the pool, 2: before this number, 3: at most.
select number, job, attempt, model, finished, receipt, signature, hash, finished_at, verdict,
       verdict_signature, earned, settled_at
  from pool_receipts
 where pool = ? and number < ?
 order by number desc
 limit ?;

-- name: earned_by_quarter
-- Micros and jobs of each quarter of an hour.
select settled_at - settled_at % 900000000, sum(earned), count(*)
  from pool_receipts
 where pool = ? and settled_at is not null
 group by 1;

-- name: add_checkpoint
insert into pool_checkpoints (pool, number, checkpoint, signature, seen_at)
values (?, ?, ?, ?, ?)
    on conflict do nothing;

-- name: checkpoints
-- The fields of KeptCheckpoint in their order.
select number, checkpoint, signature, seen_at
  from pool_checkpoints
 where pool = ?
 order by number, seen_at;

-- name: checkpoints_beside
-- Those of a number and of the nearest before and after it, the same fields. 1: the pool, 2: the
-- number.
select number, checkpoint, signature, seen_at
  from pool_checkpoints
 where pool = ?1
   and number in (?2,
                  (select max(number) from pool_checkpoints where pool = ?1 and number < ?2),
                  (select min(number) from pool_checkpoints where pool = ?1 and number > ?2))
 order by number, seen_at;
