-- Which safer plan each model file needed (rungs.py).

-- name: of
select rung from rungs where identity = ? and version = ?;

-- name: remember
insert into rungs (identity, rung, version, noted_at)
values (?, ?, ?, ?)
    on conflict (identity) do update set rung = excluded.rung, version = excluded.version,
                                         noted_at = excluded.noted_at;

-- name: forget
delete from rungs where identity = ?;
