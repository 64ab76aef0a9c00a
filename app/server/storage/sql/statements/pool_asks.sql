-- What this node asked of its pools (pool_asks.py). Columns in the order of KeptAsk.

-- name: begin
insert into pool_asks (job, pool, model, asked_at, cost_max) values (?, ?, ?, ?, ?);

-- name: end
update pool_asks
   set cost = ?, prompt = ?, completion = ?, served_by = ?, receipt = ?, ended_at = ?
 where job = ? and ended_at is null;

-- name: open
select job, pool, model, asked_at, cost_max, cost, prompt, completion, served_by, receipt, ended_at
  from pool_asks
 where ended_at is null;

-- name: find
select job, pool, model, asked_at, cost_max, cost, prompt, completion, served_by, receipt, ended_at
  from pool_asks
 where job = ?;

-- name: newest
select job, pool, model, asked_at, cost_max, cost, prompt, completion, served_by, receipt, ended_at
  from pool_asks
 where pool = ?
 order by asked_at desc
 limit ?;

-- name: all
select job, pool, model, asked_at, cost_max, cost, prompt, completion, served_by, receipt, ended_at
  from pool_asks
 where pool = ?
 order by asked_at;

-- name: spent
-- In the day and in its month. 1: when the day began, 2: when the month began.
select coalesce(sum(cost) filter (where ended_at >= ?), 0), coalesce(sum(cost), 0)
  from pool_asks
 where ended_at >= ?;

-- name: spent_by_quarter
-- Micros of each quarter of an hour.
select ended_at - ended_at % 900000000, sum(cost)
  from pool_asks
 where pool = ? and ended_at is not null
 group by 1;

-- name: add_joules
insert into pool_days (pool, day, joules)
values (?, ?, ?)
    on conflict (pool, day) do update set joules = joules + excluded.joules;

-- name: joules_by_day
select day, joules from pool_days where pool = ?;
