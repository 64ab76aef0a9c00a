-- Pools that this node belongs to or did (memberships.py). Columns in the order of Membership.

-- name: all
select pool, address, name, account, device_name, invite, joined_at, left_at from memberships;

-- name: keep
insert into memberships (pool, address, name, account, device_name, invite, joined_at, left_at)
values (?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (pool) do update set address = excluded.address, name = excluded.name,
                                     account = excluded.account,
                                     device_name = excluded.device_name,
                                     invite = excluded.invite, joined_at = excluded.joined_at,
                                     left_at = excluded.left_at;
