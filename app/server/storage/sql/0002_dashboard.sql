-- What the dashboard keeps: who is signed in, and what was done once.
-- Times are seconds since 1970 in UTC, with fractions.

create table sessions (
    digest     blob not null primary key check (length(digest) = 32), -- SHA-256 of the cookie
    opened_at  real not null,                -- when a browser was let in
    ends_at    real not null,                -- from then on the cookie is worth nothing
    opened_by  text not null check (opened_by in ('link', 'key')) -- by a one-time link, or a key
) strict;

create table marks (
    name      text not null primary key,     -- what was done, such as 'first_run'
    marked_at real not null                  -- when
) strict;
