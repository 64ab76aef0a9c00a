-- Accounts, their projects and friends (accounts.py).

-- name: all
-- The fields of Account in their order.
select id, name, state, reason, is_vetted, weight, made_at
  from accounts
 order by made_at, id;

-- name: add
insert into accounts (id, name, state, reason, is_vetted, weight, made_at)
values (?, ?, 'active', '', 0, 1, ?);

-- name: change
update accounts set state = ?, reason = ?, is_vetted = ?, weight = ? where id = ?;

-- name: forget
update accounts set name = ?, state = 'closed', reason = '', is_vetted = 0 where id = ?;

-- name: all_projects
-- The fields of Project in their order.
select id, account, name, made_at, closed_at
  from projects
 order by made_at, id;

-- name: add_project
insert into projects (id, account, name, made_at) values (?, ?, ?, ?);

-- name: close_project
update projects set closed_at = ? where id = ?;

-- name: forget_project
update projects set name = ?, closed_at = ? where id = ?;

-- name: all_friends
select account, friend from friends;

-- name: add_friend
insert or ignore into friends (account, friend, made_at) values (?, ?, ?);

-- name: remove_friend
delete from friends where account = ? and friend = ?;

-- name: forget_friends
delete from friends where account = ?1 or friend = ?1;
