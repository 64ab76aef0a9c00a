-- Fifth version. Nobody asks for the receipts of a payer any more, and each one was written to
-- this index too.

drop index receipts_by_payer;
