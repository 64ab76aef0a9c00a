-- The books written down and read back (books_rows.py). Rows name each other by number, and are
-- told by id; the triggers of sql/books keep the sums.

-- name: last_event
select coalesce(max(number), 0) from ledger_events;

-- name: accounts
select number, kind, owner, balance from ledger_accounts;

-- name: filled_lots
select l.id, a.kind, a.owner, l.source, l.opened_at, l.expires_at, l.is_transferable,
       l.balance, l.reserved, l.received, l.returned, l.number
  from ledger_lots l join ledger_accounts a on a.number = l.account
 where l.balance > 0;

-- name: filled_lots_of
select l.id, a.kind, a.owner, l.source, l.opened_at, l.expires_at, l.is_transferable,
       l.balance, l.reserved, l.received, l.returned, l.number
  from ledger_lots l join ledger_accounts a on a.number = l.account
 where a.kind = ? and a.owner = ? and l.balance > 0;

-- name: lot
select l.id, a.kind, a.owner, l.source, l.opened_at, l.expires_at, l.is_transferable,
       l.balance, l.reserved, l.received, l.returned, l.number
  from ledger_lots l join ledger_accounts a on a.number = l.account
 where l.id = ?;

-- name: open_holds
select h.id, a.kind, a.owner, h.ends_at, h.timeout, h.claim, h.state, h.granted, h.closed_at,
       h.about, h.number
  from ledger_holds h join ledger_accounts a on a.number = h.account
 where h.state = 'open';

-- name: hold
select h.id, a.kind, a.owner, h.ends_at, h.timeout, h.claim, h.state, h.granted, h.closed_at,
       h.about, h.number
  from ledger_holds h join ledger_accounts a on a.number = h.account
 where h.id = ?;

-- name: parts_of_hold
-- What it holds of each lot now.
select l.id, sum(r.amount)
  from ledger_reservations r join ledger_lots l on l.number = r.lot
 where r.hold = ?
 group by r.lot
having sum(r.amount) <> 0
 order by l.id;

-- name: event
select fingerprint, amount from ledger_events where id = ?;

-- name: lot_number
select number from ledger_lots where id = ?;

-- name: hold_number
select number from ledger_holds where id = ?;

-- name: add_account
insert into ledger_accounts (kind, owner) values (?, ?);

-- name: add_lot
insert into ledger_lots (id, account, source, opened_at, expires_at, is_transferable)
values (?, ?, ?, ?, ?, ?);

-- name: add_hold
insert into ledger_holds (id, account, ends_at, timeout, claim, about)
values (?, ?, ?, ?, ?, ?);

-- name: add_reservation
insert into ledger_reservations (hold, event, lot, amount) values (?, ?, ?, ?);

-- name: change_hold
update ledger_holds set state = ?, ends_at = ?, timeout = ?, closed_at = ? where number = ?;

-- name: add_posting
insert into ledger_postings (event, number, account, lot, attempt, amount)
values (?, ?, ?, ?, ?, ?);

-- name: add_event
insert into ledger_events (number, id, kind, at, fingerprint, amount, hold, lot, about)
values (?, ?, ?, ?, ?, ?, ?, ?, ?);
