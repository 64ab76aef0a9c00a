-- Keys of a pool's projects (pool_keys.py).

-- name: all
-- The digest and the scopes, then the other fields of PoolKey in their order.
select digest, scopes, id, project, name, made_at, expires_at, last_used_at, revoked_at
  from pool_keys
 order by made_at, id;

-- name: add
insert into pool_keys (id, project, name, digest, scopes, made_at, expires_at)
values (?, ?, ?, ?, ?, ?, ?);

-- name: revoke
update pool_keys set revoked_at = ? where id = ?;

-- name: forget
update pool_keys set name = 'forgotten', revoked_at = ? where id = ?;

-- name: use
update pool_keys set last_used_at = ? where id = ?;
