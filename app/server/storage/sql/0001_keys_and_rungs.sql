-- API keys, and the safer plans that models needed. The first version.
-- Times are seconds since 1970 in UTC, with fractions.

create table keys (
    id           text not null primary key,  -- short random name of the key, safe to show
    name         text not null,              -- what its owner calls it: the program that uses it
    scope        text not null check (scope in ('inference', 'admin')), -- what it opens
    prefix       text not null,              -- first characters of the secret, to tell keys apart
    digest       blob not null unique check (length(digest) = 32), -- SHA-256 of the secret
    created_at   real not null,              -- when it was made
    last_used_at real,                       -- to the minute; null: never used
    revoked_at   real                        -- null: it is live
) strict;

create table rungs (
    identity text    not null primary key,       -- of the model file, as the library knows it
    rung     integer not null check (rung >= 0), -- safer plans to take before the load is tried
    version  text    not null,                   -- the program that noted it; a newer one tries anew
    noted_at real    not null                    -- when the load by this rung succeeded
) strict;
