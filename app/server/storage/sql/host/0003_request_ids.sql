-- A row of usage is found by what its caller holds: the x-request-id of the answer.
-- Third version. Until now `request` was the job's id; now it says so, and several jobs may be
-- of one request: one for each choice. Of older rows no x-request-id is known.

alter table usage rename column request to job;
alter table usage add column
    request   text not null default '';  -- x-request-id of the answer; of a member: its ask

create index usage_by_request on usage (request);
