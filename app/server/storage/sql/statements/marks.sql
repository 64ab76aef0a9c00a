-- What the owner did once (marks.py).

-- name: all
select name from marks;

-- name: set
insert into marks (name, marked_at) values (?, ?) on conflict (name) do nothing;
