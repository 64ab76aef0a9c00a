-- What this node did in pools: memberships, the chain of its receipts, what it asked for.
-- Times are microseconds since 1970 in UTC. Amounts are micros: 1 credit is 1,000,000.
-- No words of anybody: jobs are numbers, names of models and signed statements of counts.

create table memberships (
    pool      text    not null primary key check (length(pool) = 64), -- the host's key
    address   text    not null, -- URL of the host's WebSocket
    name      text    not null, -- what the host calls the pool; '' until it was reached
    account   text    not null, -- whose devices this one belongs to there; '' until then
    device_name text  not null, -- what the owner calls this machine there
    invite    text    not null, -- still to be shown to the host; '' once it was taken
    joined_at integer not null check (joined_at > 0), -- by the owner's command
    left_at   integer check (left_at >= joined_at)    -- null: this node is a member
) strict;

create unique index one_membership on memberships (left_at is null) where left_at is null;

create table pool_receipts (
    pool              text    not null references memberships (pool), -- in whose chain
    number            integer not null check (number >= 0),  -- its place there, without a gap
    job               text    not null,                      -- by the host's name for it
    attempt           integer not null check (attempt >= 0), -- of that job
    model             text    not null,                      -- the name it has here
    finished          blob    not null,                      -- the frame without its words, to send again
    receipt           blob    not null,                      -- as it was signed
    signature         blob    not null check (length(signature) = 64), -- of this device
    hash              blob    not null,                      -- of the receipt, which the next one names
    finished_at       integer not null check (finished_at > 0), -- when it was signed
    verdict           blob check (verdict is null or -- null: the host has not counter-signed yet
        (verdict_signature is not null and earned is not null and settled_at is not null)), -- all
    verdict_signature blob check (length(verdict_signature) = 64), -- null as `verdict` is
    earned            integer check (earned >= 0), -- micros by the verdict; null as that is
    settled_at        integer check (settled_at > 0), -- when the verdict came; null as that is
    primary key (pool, number),
    unique (pool, job, attempt)
) strict;

create index receipts_by_settlement on pool_receipts (pool, settled_at);

create trigger receipts_are_never_deleted before delete on pool_receipts
begin
    select raise(abort, 'a receipt is never deleted');
end;

create trigger receipts_are_written_once before update on pool_receipts
when old.verdict is not null or new.receipt is not old.receipt
    or new.signature is not old.signature or new.number is not old.number
    or new.pool is not old.pool or new.job is not old.job or new.attempt is not old.attempt
begin
    select raise(abort, 'a receipt is written once, and its verdict once');
end;

create table pool_checkpoints (
    pool       text    not null references memberships (pool), -- whose chain of verdicts
    number     integer not null check (number >= 0),           -- in the chain of checkpoints
    checkpoint blob    not null,                               -- as it was signed
    signature  blob    not null check (length(signature) = 64), -- of the host
    seen_at    integer not null check (seen_at > 0),           -- when it came here first
    primary key (pool, number, checkpoint) -- two of one number prove that the host told two stories
) strict;

create table pool_asks (
    job        text    not null primary key, -- made by this node
    pool       text    not null references memberships (pool), -- that was asked
    model      text    not null,             -- as the pool calls it
    asked_at   integer not null check (asked_at > 0),   -- before the frame was sent
    cost_max   integer not null check (cost_max >= 0),  -- what it may cost: reserved until it ends
    cost       integer check (cost between 0 and cost_max), -- null: not known yet
    prompt     integer check (prompt >= 0),      -- tokens; null as `cost` is
    completion integer check (completion >= 0),  -- tokens; null as `cost` is
    served_by  text    not null default '',      -- whose machine answered
    receipt    text    not null default '',      -- the host's name for its receipt
    ended_at   integer check -- null: under way
        (ended_at is null or (ended_at >= asked_at and cost is not null)) -- with its cost
) strict;

create index asks_by_end on pool_asks (pool, ended_at);

create table pool_days (
    pool   text    not null references memberships (pool), -- for whom
    day    integer not null,                       -- days since 1970 in the owner's time zone
    joules real    not null check (joules >= 0),   -- that guests' work took, as far as measured
    primary key (pool, day)
) strict;
