-- Asks by what is asked of them: at each one the costs of a month in all pools, and for a page and
-- for the mirror those of one pool in their order. The index until now, by pool and end, served
-- neither: every ask was read, or sorted.

drop index asks_by_end;

create index asks_by_end on pool_asks (ended_at, cost); -- the cost, so that no row is looked up
create index asks_by_time on pool_asks (pool, asked_at);
