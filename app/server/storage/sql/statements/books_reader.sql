-- What the books say, for pages and answers (books_reader.py).

-- name: balance
-- Balance, held, available and owed of one account. 1: now, 2: its kind, 3: its owner.
select a.balance, a.held,
       coalesce((select sum(balance - reserved) from ledger_lots
                  where account = a.number and balance > 0
                    and (expires_at is null or expires_at > ?1)), 0)
         + coalesce((select balance from ledger_accounts
                      where kind = 'debt' and owner = a.owner), 0),
       coalesce((select -balance from ledger_accounts
                  where kind = 'debt' and owner = a.owner), 0)
  from ledger_accounts a
 where a.kind = ?2 and a.owner = ?3;

-- name: balances
-- The same of every account of a kind, the richest first. 1: now, 2: the kind.
select a.kind, a.owner, a.balance, a.held,
       coalesce((select sum(balance - reserved) from ledger_lots
                  where account = a.number and balance > 0
                    and (expires_at is null or expires_at > ?1)), 0)
         + coalesce((select balance from ledger_accounts
                      where kind = 'debt' and owner = a.owner), 0),
       coalesce((select -balance from ledger_accounts
                  where kind = 'debt' and owner = a.owner), 0)
  from ledger_accounts a
 where a.kind = ?2
 order by a.balance desc;

-- name: statement
-- Postings of an account with what they were for, newest first.
select e.number, e.id, e.kind, e.at, e.about, p.amount, p.attempt, l.source
  from ledger_postings p
  join ledger_events e on e.number = p.event
  left join ledger_lots l on l.number = p.lot
 where p.account = (select number from ledger_accounts where kind = ? and owner = ?)
   and p.event < ?
 order by p.event desc, p.number desc
 limit ?;

-- name: flow
-- In, out and the number of events. The first bound on events spares a look at all before.
-- 1: from then on, 2: before then, 3: the kind, 4: the owner.
select coalesce(sum(max(p.amount, 0)), 0), coalesce(sum(max(-p.amount, 0)), 0),
       count(distinct p.event)
  from ledger_postings p join ledger_events e on e.number = p.event
 where p.account = (select number from ledger_accounts where kind = ?3 and owner = ?4)
   and p.event >= (select min(number) from ledger_events where at >= ?1)
   and e.at >= ?1 and e.at < ?2;

-- name: paid
-- What each attempt of a hold's job earned when it was settled.
select p.attempt, sum(p.amount)
  from ledger_holds h
  join ledger_events e on e.hold = h.number and e.kind = 'settle'
  join ledger_postings p on p.event = e.number
 where h.id = ? and p.attempt is not null
 group by p.attempt;

-- name: payer
select a.owner
  from ledger_holds h join ledger_accounts a on a.number = h.account
 where h.id = ?;

-- name: earners
-- Whose account earned as each attempt of a hold's job when it was settled.
select p.attempt, a.owner
  from ledger_holds h
  join ledger_events e on e.hold = h.number and e.kind = 'settle'
  join ledger_postings p on p.event = e.number
  join ledger_accounts a on a.number = p.account
 where h.id = ? and p.attempt is not null;

-- name: charged
-- What the account of a hold paid when it was settled. Not the sum of its postings: a debt takes
-- what comes free of the hold in the same event.
select coalesce(sum(e.amount), 0)
  from ledger_holds h join ledger_events e on e.hold = h.number and e.kind = 'settle'
 where h.id = ?;

-- name: holds_due
-- Those that are over, and those whose end lies too far ahead: see Hold.is_due.
-- 1: now, 2: at most.
select id
  from ledger_holds
 where state = 'open' and (ends_at <= ?1 or ends_at - 2 * timeout > ?1)
 order by ends_at
 limit ?2;

-- name: lots_due
select id from ledger_lots where balance > reserved and expires_at <= ? limit ?;
