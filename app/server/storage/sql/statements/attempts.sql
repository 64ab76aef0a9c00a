-- Attempts of jobs that are not settled yet (attempts.py).

-- name: add
insert or ignore into attempts (job, attempt, worker, account, payer, sha256, first, input,
                                cached_input, output, worker_share, fee_share, fund_share,
                                prompt_tokens, is_embedding, at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: all
select job, worker, account, payer, sha256, attempt, first, input, cached_input, output,
       worker_share, fee_share, fund_share, prompt_tokens, is_embedding
  from attempts
 order by job, attempt;

-- name: of_job
select job, worker, account, payer, sha256, attempt, first, input, cached_input, output,
       worker_share, fee_share, fund_share, prompt_tokens, is_embedding
  from attempts
 where job = ?
 order by attempt;

-- name: forget
delete from attempts where job = ?;
