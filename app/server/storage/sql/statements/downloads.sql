-- Downloads that were asked for (downloads.py).

-- name: all
select id, repository, revision, name, status, cause, reason, remedy, asked_at, ended_at
  from downloads
 order by asked_at, id;

-- name: all_files
select download, path, name, size, sha256
  from download_files
 order by download, position;

-- name: add
insert into downloads (id, repository, revision, name, status, cause, reason, remedy, asked_at,
                       ended_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_file
insert into download_files (download, position, path, name, size, sha256)
values (?, ?, ?, ?, ?, ?);

-- name: save
update downloads set status = ?, cause = ?, reason = ?, remedy = ?, ended_at = ? where id = ?;

-- name: remove
delete from downloads where id = ?;
