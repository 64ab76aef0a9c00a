-- The host's chain of verdicts (receipts.py). Columns in the order of StoredReceipt.

-- name: add
insert into receipts (job, attempt, payer, device, earner, position, hash, device_hash, verdict,
                      signature, at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (job, attempt) do nothing;

-- name: head
select job, attempt, payer, device, earner, position, hash, device_hash, verdict, signature, at
  from receipts
 order by position desc
 limit 1;

-- name: count
select count(*) from receipts;

-- name: of_job
select job, attempt, payer, device, earner, position, hash, device_hash, verdict, signature, at
  from receipts
 where job = ?
 order by attempt;

-- name: last_given_by_device
select job, attempt, payer, device, earner, position, hash, device_hash, verdict, signature, at
  from receipts
 where device = ? and device_hash <> x''
 order by position desc
 limit 1;

-- name: all
-- A page of the chain. 1: after this position, 2: at most.
select job, attempt, payer, device, earner, position, hash, device_hash, verdict, signature, at
  from receipts
 where position > ?
 order by position
 limit ?;
