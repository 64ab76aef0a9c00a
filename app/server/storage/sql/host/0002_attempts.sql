-- What a host needs to be honest after its own death: who was asked for what, and what it has sworn.
-- Second version. No column holds a prompt or an answer.

create table attempts (
    job           text not null,          -- whose hold in the books is 'job/' and this
    attempt       integer not null check (attempt >= 0), -- which of its workers
    worker        text not null,          -- the device that was asked
    account       text not null,          -- who is paid
    payer         text not null,          -- who pays
    sha256        text not null,          -- the model
    first         integer not null check (first >= 0), -- number of the first token it was asked for
    input         integer not null check (input >= 0), -- micros for a million tokens
    cached_input  integer not null check (cached_input >= 0), -- the same of cached ones
    output        integer not null check (output >= 0), -- the same of the answer
    worker_share  integer not null,       -- percent
    fee_share     integer not null,       -- percent
    fund_share    integer not null,       -- percent; the three are 100 together
    prompt_tokens integer not null check (prompt_tokens >= 0), -- by the host's own count
    at            integer not null,       -- when it was asked
    primary key (job, attempt)
) strict, without rowid;

create table checkpoints (
    number    integer primary key check (number >= 0), -- in the chain of checkpoints
    body      blob not null,              -- as it was signed: core/pool/checkpoint reads it
    signature blob not null               -- the host's
) strict;

create trigger checkpoints_are_not_changed before update on checkpoints
begin select raise(abort, 'checkpoints are append-only'); end;

create trigger checkpoints_are_not_deleted before delete on checkpoints
begin select raise(abort, 'checkpoints are append-only'); end;
