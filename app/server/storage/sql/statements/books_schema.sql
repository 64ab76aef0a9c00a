-- Which files of sql/books were carried out (books_schema.py).

-- name: has_versions
select 1 from sqlite_master where type = 'table' and name = 'ledger_schema';

-- name: version
select max(version) from ledger_schema;

-- name: make_versions
create table if not exists ledger_schema (version integer primary key) strict;

-- name: note_version
insert into ledger_schema (version) values (?);
