-- The books: double entry in micros, append only. The first version; docs/books.md explains it.
--
-- What is for ever: ledger_events, ledger_postings, ledger_reservations. No row of these is changed
-- or deleted, by triggers. What can be rebuilt from them: the columns `balance`, `held`, `reserved`,
-- `received` and `amount`, which triggers keep and the audit checks.
--
-- An event is written last. Its trigger refuses it unless its postings sum to zero, and no posting
-- or reservation can be added to an event that is there: an event is whole or is not.
-- Times are microseconds since 1970 in UTC, amounts micros.

create table ledger_accounts (
    number  integer primary key,          -- within this file
    kind    text    not null check (kind in ('user', 'debt', 'fees', 'fund', 'rounding', 'mint',
                                             'sales', 'pool', 'earned', 'spent')),
    owner   text    not null check (      -- account or pool; '' for the pool's own
        (kind in ('user', 'debt', 'pool', 'earned', 'spent')) = (length(owner) > 0)),
    balance integer not null default 0,   -- sum of its postings
    held    integer not null default 0,   -- sum of its reservations
    unique (kind, owner),
    check (abs(balance) <= 4611686018427387904),
    check (held >= 0 and (kind = 'user' or held = 0)),
    check (kind <> 'user' or balance >= held),
    check (kind <> 'debt' or balance <= 0)
) strict;

create table ledger_lots (
    number          integer primary key,
    id              text    not null unique check (length(id) > 0),
    account         integer not null references ledger_accounts,
    source          text    not null check (source in ('granted', 'earned', 'commission', 'refunded',
                                                       'bought')),
    opened_at       integer not null check (opened_at >= 0),
    expires_at      integer check (expires_at >= 0),       -- null: never
    is_transferable integer not null check (is_transferable in (0, 1)), -- to other users
    balance         integer not null default 0,            -- sum of its postings
    reserved        integer not null default 0,            -- of that, in holds
    received        integer not null default 0,            -- sum of its postings above zero
    returned        integer not null default 0,            -- of that, taken back or lapsed
    check (reserved >= 0 and balance >= reserved and received >= balance),
    check (returned between 0 and received)
) strict;

create index ledger_lots_filled on ledger_lots (account) where balance > 0;

create table ledger_holds (
    number    integer primary key,
    id        text    not null unique check (length(id) > 0), -- of the event that reserved it
    account   integer not null references ledger_accounts,
    state     text    not null default 'open'
              check (state in ('open', 'posted', 'voided', 'expired')),
    amount    integer not null default 0 check (amount >= 0),          -- held now
    granted   integer not null default 0 check (granted >= amount),    -- ever held by it
    ends_at   integer not null check (ends_at >= 0),                   -- when it expires
    timeout   integer not null check (timeout >= 0),                   -- of its last step
    claim     integer not null check (claim >= 0),   -- so long after expiry it can be settled late
    closed_at integer check (closed_at >= 0),                          -- null while it is open
    about     text    not null,                                        -- the job
    check (state = 'open' or amount = 0),
    check ((state = 'open') = (closed_at is null))
) strict;

create index ledger_holds_open on ledger_holds (ends_at) where state = 'open';

create table ledger_events (
    number      integer primary key,                                   -- their order
    id          text    not null unique check (length(id) between 1 and 200), -- of its asker
    kind        text    not null check (kind in ('transfer', 'reserve', 'extend', 'settle', 'void',
                                                 'expire', 'clawback', 'lapse')),
    at          integer not null check (at >= 0),   -- by the asker's clock, which may go back
    fingerprint blob    not null check (length(fingerprint) = 32),     -- of what was asked
    amount      integer not null check (amount >= 0),                  -- that was answered
    hold        integer references ledger_holds,    -- null: none is concerned
    lot         integer references ledger_lots,     -- null: none was taken back or lapsed
    about       text    not null
) strict;

create index ledger_events_by_time on ledger_events (at);

create table ledger_postings (
    event   integer not null references ledger_events deferrable initially deferred,
    number  integer not null check (number >= 0),   -- within the event
    account integer not null references ledger_accounts,
    lot     integer references ledger_lots,         -- null: the account is no user's
    attempt integer,                                -- of the job; null: of none
    amount  integer not null check (amount <> 0 and abs(amount) <= 4611686018427387904),
    primary key (event, number)
) strict, without rowid;

create index ledger_postings_by_account on ledger_postings (account, event);

create table ledger_reservations (
    event  integer not null references ledger_events deferrable initially deferred,
    lot    integer not null references ledger_lots,
    hold   integer not null references ledger_holds,
    amount integer not null check (amount <> 0),    -- below zero: released
    primary key (event, lot)
) strict, without rowid;

create index ledger_reservations_by_hold on ledger_reservations (hold);

create trigger ledger_event_is_whole before insert on ledger_events
begin
    select raise(abort, 'an event is never replaced')
     where exists (select 1 from ledger_events where number = new.number)
        or exists (select 1 from ledger_events where id = new.id);
    select raise(abort, 'the postings of an event sum to zero')
     where (select coalesce(sum(amount), 0) from ledger_postings where event = new.number) <> 0;
end;

create trigger ledger_event_counts after insert on ledger_events when new.lot is not null
begin
    update ledger_lots set returned = returned + new.amount where number = new.lot;
end;

create trigger ledger_posting_fits before insert on ledger_postings
begin
    select raise(abort, 'nothing is added to an event that is there')
     where exists (select 1 from ledger_events where number = new.event)
        or exists (select 1 from ledger_postings where event = new.event and number = new.number);
    select raise(abort, 'credits of users, and no others, lie in lots of their own')
     where (select case when kind = 'user' then 'lot of ' || number else 'no lot' end
              from ledger_accounts where number = new.account)
        is not coalesce('lot of ' || (select account from ledger_lots where number = new.lot),
                        'no lot');
end;

create trigger ledger_posting_counts after insert on ledger_postings
begin
    update ledger_accounts set balance = balance + new.amount where number = new.account;
    update ledger_lots
       set balance = balance + new.amount, received = received + max(new.amount, 0)
     where number = new.lot;
end;

create trigger ledger_reservation_fits before insert on ledger_reservations
begin
    select raise(abort, 'nothing is added to an event that is there')
     where exists (select 1 from ledger_events where number = new.event)
        or exists (select 1 from ledger_reservations
                    where event = new.event and lot = new.lot);
    select raise(abort, 'an open hold holds lots of its own account')
     where not exists (select 1 from ledger_holds, ledger_lots
                        where ledger_holds.number = new.hold and ledger_holds.state = 'open'
                          and ledger_lots.number = new.lot
                          and ledger_lots.account = ledger_holds.account);
end;

create trigger ledger_reservation_counts after insert on ledger_reservations
begin
    update ledger_lots set reserved = reserved + new.amount where number = new.lot;
    update ledger_holds
       set amount = amount + new.amount, granted = granted + max(new.amount, 0)
     where number = new.hold;
    update ledger_accounts set held = held + new.amount
     where number = (select account from ledger_lots where number = new.lot);
end;

create trigger ledger_hold_ends_once before update on ledger_holds
 when old.state in ('posted', 'voided')
   or (old.state = 'expired' and new.state <> 'posted')
   or new.id <> old.id or new.account <> old.account or new.number <> old.number
begin
    select raise(abort, 'a hold ends once');
end;

create trigger ledger_events_are_kept before delete on ledger_events
begin
    select raise(abort, 'events are never deleted');
end;

create trigger ledger_events_are_as_they_were before update on ledger_events
begin
    select raise(abort, 'events are never changed');
end;

create trigger ledger_postings_are_kept before delete on ledger_postings
begin
    select raise(abort, 'postings are never deleted');
end;

create trigger ledger_postings_are_as_they_were before update on ledger_postings
begin
    select raise(abort, 'postings are never changed');
end;

create trigger ledger_reservations_are_kept before delete on ledger_reservations
begin
    select raise(abort, 'reservations are never deleted');
end;

create trigger ledger_reservations_are_as_they_were before update on ledger_reservations
begin
    select raise(abort, 'reservations are never changed');
end;

create trigger ledger_holds_are_kept before delete on ledger_holds
begin
    select raise(abort, 'holds are never deleted');
end;

create trigger ledger_lots_are_kept before delete on ledger_lots
begin
    select raise(abort, 'lots are never deleted');
end;

create trigger ledger_accounts_are_kept before delete on ledger_accounts
begin
    select raise(abort, 'accounts are never deleted');
end;
