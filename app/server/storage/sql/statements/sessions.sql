-- Browsers that may change things (sessions.py).

-- name: all
select digest, ends_at from sessions;

-- name: add
insert into sessions (digest, opened_at, ends_at, opened_by) values (?, ?, ?, ?);

-- name: end
delete from sessions where digest = ?;

-- name: end_all
delete from sessions;

-- name: sweep
delete from sessions where ends_at <= ?;
