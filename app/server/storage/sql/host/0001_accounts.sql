-- Who may do what on the host of a pool, and what was done. The first version.
-- Times are microseconds since 1970 in UTC; credits are micros.
-- No column holds a prompt or an answer, or anything from which one could be guessed.

create table accounts (
    id        text not null primary key, -- by chance, safe to show
    name      text not null unique,      -- what people call it
    state     text not null check (state in ('active', 'paused', 'closed')), -- closed is for good
    reason    text not null,             -- why it is paused or closed, told to it; '' when active
    is_vetted integer not null check (is_vetted in (0, 1)), -- its nodes are in the circle vetted
    weight    integer not null check (weight between 1 and 1000), -- its share when callers queue
    made_at   integer not null           -- when it was made
) strict;

create table projects (
    id        text not null primary key, -- by chance, safe to show
    account   text not null references accounts (id), -- who pays
    name      text not null,             -- what its account calls it; 'default' is made with it
    made_at   integer not null,          -- when it was made
    closed_at integer,                   -- null: it is open; its keys are refused after
    unique (account, name)
) strict;

create table pool_keys (
    id           text not null primary key, -- part of the key itself, by which it is found
    project      text not null references projects (id), -- what it is billed to
    name         text not null,          -- which program uses it
    digest       blob not null unique check (length(digest) = 32), -- SHA-256 of the whole key
    scopes       text not null,          -- words between spaces: inference billing metrics
    made_at      integer not null,       -- when it was made
    expires_at   integer,                -- null: never
    last_used_at integer,                -- to the minute; null: never
    revoked_at   integer                 -- null: it is live
) strict;

create table limits (
    kind    text not null check (kind in ('key', 'project', 'account')), -- of what
    subject text not null,               -- its id
    measure text not null check (measure in ('requests', 'tokens', 'credits')), -- credits in micros
    period  text not null check (period in ('minute', 'day', 'month')), -- days and months of UTC
    amount  integer not null check (amount >= 0), -- the most in one period
    primary key (kind, subject, measure, period)
) strict, without rowid;

create table devices (
    id         text not null primary key check (length(id) = 64), -- Ed25519 public key, hexadecimal
    account    text not null references accounts (id), -- who is paid for it and pays for its asking
    name       text not null,            -- what its owner calls the machine
    joined_at  integer not null,         -- when its account's invite was used
    removed_at integer                   -- null: it may connect
) strict;

create index devices_by_account on devices (account);

create table friends (
    account text not null references accounts (id), -- whose nodes serve the friend
    friend  text not null references accounts (id) check (friend <> account), -- who is served
    made_at integer not null,            -- when
    primary key (account, friend)
) strict, without rowid;

create table invites (
    id         text not null primary key, -- by chance, safe to show
    digest     blob not null unique check (length(digest) = 32), -- SHA-256 of the secret in it
    kind       text not null check (kind in ('account', 'device', 'friend')), -- what it makes
    account    text references accounts (id), -- who gets machine or friend; null: the operator
    name       text not null,            -- of the account that it makes; '' for the device's name
    credits    integer not null check (credits >= 0), -- micros granted to an account it makes
    uses_max   integer not null check (uses_max > 0), -- how often it may be used
    uses       integer not null check (uses between 0 and uses_max), -- how often it was
    made_at    integer not null,         -- when it was made
    expires_at integer not null,         -- useless after
    revoked_at integer                   -- null: it is live
) strict;

create table strikes (
    number integer primary key,          -- in the order in which they came
    device text not null references devices (id), -- whose work was wrong
    kind   text not null,                -- a word of core/pool/abuse
    reason text not null,                -- the sentence that the worker is told
    job    text not null,                -- the last job that was looked at; '' for none
    at     integer not null              -- when
) strict;

create index strikes_by_device on strikes (device, at);

create table standings (
    device text not null primary key references devices (id), -- whose
    record text not null                 -- JSON of core/pool/standing.Record: counts, times, reason
) strict;

create table usage (
    request   text not null primary key, -- the request's id, which the caller saw too
    at        integer not null,          -- when it ended
    account   text not null references accounts (id), -- who paid
    project   text not null references projects (id), -- for what
    caller    text not null,             -- 'key ' and the key's id, or 'device ' and the device's
    model     text not null,             -- as the pool calls it; '' for a name that it has not
    sha256    text not null,             -- which model answered; '' for none
    status    text not null,             -- how it ended: a word, never a message
    prompt    integer not null check (prompt >= 0), -- tokens
    cached    integer not null check (cached >= 0), -- of these, from a cache
    answer    integer not null check (answer >= 0), -- tokens
    reasoning integer not null check (reasoning >= 0), -- of these, reasoning
    cost      integer not null check (cost >= 0), -- micros
    first_ms  integer,                   -- to the first token; null: none came
    total_ms  integer not null,          -- to the end
    attempts  integer not null check (attempts >= 0), -- workers that took part
    address   text                       -- where it came from; null after the configured days
) strict;

create index usage_by_account on usage (account, at);
create index usage_by_time on usage (at);

create table idempotency (
    scope       text not null,           -- 'key ' and the key's id: whose word it is
    word        blob not null,           -- SHA-256 of what the caller sent as Idempotency-Key
    fingerprint blob not null,           -- of the request, keyed by a secret that is not stored
    job         text not null,           -- what it became
    at          integer not null,        -- when it came first
    primary key (scope, word)
) strict, without rowid;

create index idempotency_by_time on idempotency (at);

create table receipts (
    job       text not null,             -- the request in the pool
    attempt   integer not null check (attempt >= 0), -- which of its workers
    payer     text not null references accounts (id), -- who paid
    device    text not null,             -- which machine worked
    earner    text not null references accounts (id), -- whose it was at that time
    position  integer not null unique,   -- in the host's chain, from 0
    hash      blob not null check (length(hash) = 32), -- of the verdict's bytes
    device_hash blob not null,           -- of the device's receipt in it; empty: it gave none
    verdict   blob not null,             -- as it was signed: core/pool/receipt reads it
    signature blob not null,             -- the host's
    at        integer not null,          -- when it was settled
    primary key (job, attempt)
) strict;

create index receipts_by_device on receipts (device, position);
create index receipts_by_payer on receipts (payer, position);

create trigger receipts_are_not_changed before update on receipts
begin select raise(abort, 'receipts are append-only'); end;

create trigger receipts_are_not_deleted before delete on receipts
begin select raise(abort, 'receipts are append-only'); end;

create table sessions (
    digest    blob not null primary key check (length(digest) = 32), -- SHA-256 of the cookie
    opened_at real not null,             -- seconds since 1970, as in the node's database
    ends_at   real not null,             -- useless after
    opened_by text not null check (opened_by in ('link', 'key')) -- how the browser was let in
) strict;
