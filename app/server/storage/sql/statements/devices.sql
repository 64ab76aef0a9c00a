-- The machines of a pool's members, and what was found wrong with their work (devices.py).

-- name: all
-- The fields of Device in their order.
select id, account, name, joined_at, removed_at
  from devices
 order by joined_at, id;

-- name: join
insert into devices (id, account, name, joined_at)
values (?, ?, ?, ?)
    on conflict do update set account = excluded.account, name = excluded.name,
                              joined_at = excluded.joined_at, removed_at = null;

-- name: rename
update devices set name = ? where id = ?;

-- name: remove
update devices set removed_at = ? where id = ?;

-- name: forget
update devices set name = 'forgotten', removed_at = ? where id = ?;

-- name: add_strike
insert into strikes (device, kind, reason, job, at) values (?, ?, ?, ?, ?);

-- name: newest_strikes
-- The fields of Strike in their order. 1: a device or null, 2: from then on, 3: at most.
select device, kind, reason, job, at
  from strikes
 where (?1 is null or device = ?1) and at >= ?2
 order by number desc
 limit ?3;

-- name: strike_counts
select device, count(*) from strikes where at >= ? group by device;

-- name: forgive
delete from strikes where device = ?;

-- name: all_standings
select device, record from standings;

-- name: keep_standing
insert into standings (device, record)
values (?, ?)
    on conflict do update set record = excluded.record;

-- name: forget_standing
delete from standings where device = ?;
