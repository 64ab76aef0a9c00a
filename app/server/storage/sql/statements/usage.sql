-- One row for each request that ended (usage.py). Columns in the order of UsageRow.

-- name: add
insert or ignore into usage (job, at, account, project, caller, model, sha256, status, prompt,
                             cached, answer, reasoning, cost, first_ms, total_ms, attempts,
                             address, request)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: newest
-- 1: an account or null, 2: from then on, 3: before then or null, 4: at most.
select job, at, account, project, caller, model, sha256, status, prompt, cached, answer,
       reasoning, cost, first_ms, total_ms, attempts, address, request
  from usage
 where (?1 is null or account = ?1) and at >= ?2 and (?3 is null or at < ?3)
 order by at desc, job
 limit ?4;

-- name: find
-- 1: the id of a job or a request, 2: an account or null, 3: at most.
select job, at, account, project, caller, model, sha256, status, prompt, cached, answer,
       reasoning, cost, first_ms, total_ms, attempts, address, request
  from usage
 where (job = ?1 or request = ?1) and (?2 is null or account = ?2)
 order by at desc, job
 limit ?3;

-- name: costs
-- A page of all. 1: after this job, 2: at most.
select job, cost from usage where job > ? order by job limit ?;

-- name: totals
-- 1: what the rows are grouped by, 2: from then on, 3: an account or null.
select case ?1 when 'account' then account
               when 'project' then project
               when 'caller' then caller
               when 'model' then model end,
       count(*), sum(prompt), sum(cached), sum(answer), sum(cost)
  from usage
 where at >= ?2 and (?3 is null or account = ?3)
 group by 1
 order by 6 desc, 1;

-- name: ends
select model, status, count(*)
  from usage
 where at >= ?
 group by model, status;

-- name: forget
delete from usage where account = ?;

-- name: drop_addresses
update usage set address = null where address is not null and at < ?;

-- name: drop_rows
delete from usage where at < ?;
