-- What the books keep beside what their events make of it (books_audit.py).

-- name: sum_of_all
select 0, sum(amount) from ledger_postings;

-- name: accounts
select number, kind, owner, balance, held from ledger_accounts;

-- name: posted_by_account
select account, sum(amount) from ledger_postings group by account;

-- name: held_by_account
select l.account, sum(r.amount)
  from ledger_reservations r join ledger_lots l on l.number = r.lot
 group by l.account;

-- name: lots_by_account
select account, sum(balance) from ledger_lots group by account;

-- name: lots
select number, id, source, balance, reserved, received, returned from ledger_lots;

-- name: posted_by_lot
select lot, sum(amount) from ledger_postings group by lot;

-- name: put_in_by_lot
select lot, sum(amount) from ledger_postings where amount > 0 group by lot;

-- name: held_by_lot
select lot, sum(amount) from ledger_reservations group by lot;

-- name: taken_back_by_lot
select lot, sum(amount) from ledger_events group by lot;

-- name: holds
select number, id, state, amount, granted from ledger_holds;

-- name: held_by_hold
select hold, sum(amount) from ledger_reservations group by hold;

-- name: granted_by_hold
select hold, sum(amount) from ledger_reservations where amount > 0 group by hold;

-- name: end_of_hold
-- The state that its events say. A late claim settles what had expired: the later end counts.
select hold, case kind when 'settle' then 'posted' when 'void' then 'voided' else 'expired' end
  from ledger_events
 where number in (select max(number) from ledger_events
                   where kind in ('settle', 'void', 'expire') group by hold);

-- name: events
select number, id, amount from ledger_events order by number;

-- name: amount_by_event
-- What each event answered: held or released by it, what its hold's account was charged, or what
-- was moved. A debt takes part of what comes free or comes in: that is none of the event's own.
select e.number,
       case
       when e.kind in ('reserve', 'extend') then
            (select sum(amount) from ledger_reservations where event = e.number)
       when e.kind in ('void', 'expire') then
            (select -sum(amount) from ledger_reservations where event = e.number)
       when e.kind = 'settle' then
            (select -sum(p.amount)
               from ledger_postings p
               join ledger_accounts a on a.number = p.account
               join ledger_holds h on h.number = e.hold
               join ledger_accounts payer on payer.number = h.account
              where p.event = e.number and a.kind in ('user', 'debt') and a.owner = payer.owner)
       else (select sum(p.amount)
               from ledger_postings p join ledger_accounts a on a.number = p.account
              where p.event = e.number and p.amount > 0 and a.kind <> 'debt')
       end
  from ledger_events e;

-- name: posted_by_event
select event, sum(amount) from ledger_postings group by event;
