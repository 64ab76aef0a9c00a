-- The node's API keys (keys.py).

-- name: all
-- The digest, then the fields of Key in their order.
select digest, id, name, scope, prefix, created_at, last_used_at, revoked_at
  from keys
 order by created_at;

-- name: add
insert into keys (id, name, scope, prefix, digest, created_at)
values (?, ?, ?, ?, ?, ?);

-- name: revoke
update keys set revoked_at = ? where id = ?;

-- name: use
update keys set last_used_at = ? where id = ?;
