-- What the host has sworn about its chain (checkpoints.py).

-- name: add
insert into checkpoints (number, body, signature) values (?, ?, ?);

-- name: last
select body, signature from checkpoints order by number desc limit 1;

-- name: all
select body, signature from checkpoints order by number;
