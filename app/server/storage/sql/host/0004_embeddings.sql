-- The work of an embedding is its prompt alone, so who did it is paid without a token of answer.
-- Fourth version. A job that was under way at the upgrade is taken for one with an answer.

alter table attempts add column
    is_embedding integer not null default 0 check (is_embedding in (0, 1)); -- 0 of sealed ones too
