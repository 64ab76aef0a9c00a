-- Downloads that were asked for, and how fast models really were on this machine.
-- Times are seconds since 1970 in UTC, with fractions.

create table downloads (
    id         text not null primary key, -- short random name, safe to show
    repository text not null,             -- owner and name on the hub
    revision   text not null,             -- the commit whose files are meant
    name       text not null,             -- what the owner is shown
    status     text not null check (status in -- one of core/downloads' states
        ('queued', 'running', 'verifying', 'paused', 'done', 'failed')), -- where it stood
    cause      text not null,             -- why it is paused or failed: a word; '' else
    reason     text not null,             -- the same in a sentence
    remedy     text not null,             -- what the owner can do about it
    asked_at   real not null,             -- when it was asked for; the queue's order
    ended_at   real                       -- null: it is not done
) strict;

create table download_files (
    download text    not null references downloads (id) on delete cascade, -- whose file
    position integer not null check (position >= 0),  -- in the order of the model's parts
    path     text    not null,                        -- in the repository
    name     text    not null,                        -- below its folder on this machine
    size     integer not null check (size >= 0),      -- bytes
    sha256   text    not null check (length(sha256) = 64), -- of its content, by the hub
    primary key (download, position)                  -- a file has one place
) strict;

create table speeds (
    identity          text    not null primary key, -- of the model file, as plans know it
    tokens_per_second real    not null check (tokens_per_second > 0), -- decoding, running mean
    tokens            integer not null check (tokens > 0), -- that the mean stands for
    measured_at       real    not null              -- when it last moved
) strict;

create table bandwidths (
    device           text not null primary key, -- name and description of what was measured
    bytes_per_second real not null check (bytes_per_second > 0), -- reading memory
    measured_at      real not null              -- when
) strict;
