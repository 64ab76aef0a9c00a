-- How fast models and memories really were (speeds.py).

-- name: all
select identity, tokens_per_second, tokens from speeds;

-- name: remember
insert into speeds (identity, tokens_per_second, tokens, measured_at)
values (?, ?, ?, ?)
    on conflict (identity) do update set tokens_per_second = excluded.tokens_per_second,
                                         tokens = excluded.tokens,
                                         measured_at = excluded.measured_at;

-- name: all_bandwidths
select device, bytes_per_second from bandwidths;

-- name: remember_bandwidth
insert into bandwidths (device, bytes_per_second, measured_at)
values (?, ?, ?)
    on conflict (device) do update set bytes_per_second = excluded.bytes_per_second,
                                       measured_at = excluded.measured_at;
