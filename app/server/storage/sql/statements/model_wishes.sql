-- How the owner wants single models to be loaded (model_wishes.py).

-- name: all
-- The model, then the fields of KeptWishes in their order.
select model, context, sequences, gpu_layers, keep_alive from model_wishes;

-- name: keep
insert into model_wishes (model, context, sequences, gpu_layers, keep_alive)
values (?, ?, ?, ?, ?)
    on conflict (model) do update set context = excluded.context,
                                      sequences = excluded.sequences,
                                      gpu_layers = excluded.gpu_layers,
                                      keep_alive = excluded.keep_alive;

-- name: forget
delete from model_wishes where model = ?;
