-- Second version: what is asked again and again is found without a look at all that ever was.

-- Lots that lapse, asked for every half minute: the few that have an end and something free.
create index ledger_lots_to_lapse on ledger_lots (expires_at)
 where balance > reserved and expires_at is not null;

-- What a hold's job paid, asked for each receipt by the audit of the chain.
create index ledger_events_settling on ledger_events (hold) where kind = 'settle';
