-- By which machines, friends and accounts come into a pool (invites.py).

-- name: all
-- The digest, then the fields of Invite in their order.
select digest, id, kind, account, name, credits, uses_max, uses, made_at, expires_at, revoked_at
  from invites
 order by made_at, id;

-- name: add
insert into invites (id, digest, kind, account, name, credits, uses_max, uses, made_at, expires_at)
values (?, ?, ?, ?, ?, ?, ?, 0, ?, ?);

-- name: use
update invites set uses = uses + 1 where id = ?;

-- name: revoke
update invites set revoked_at = ? where id = ?;

-- name: forget
update invites set name = '', revoked_at = ? where id = ?;
