-- What an operator allows a key, a project or an account (limits.py).

-- name: all
select kind, subject, measure, period, amount from limits order by measure, period;

-- name: set
insert into limits (kind, subject, measure, period, amount)
values (?, ?, ?, ?, ?)
    on conflict do update set amount = excluded.amount;

-- name: clear
delete from limits where kind = ? and subject = ? and measure = ? and period = ?;
