-- How the owner wants single models to be loaded; null follows the settings.

create table model_wishes (
    model      text not null primary key,              -- its name in the library
    context    integer check (context >= 0),           -- tokens of one sequence; 0: what fits
    sequences  integer check (sequences >= 1),         -- answers at once
    gpu_layers integer check (gpu_layers >= -1),       -- layers on GPUs; -1: as many as fit
    keep_alive integer check (keep_alive >= -1)        -- seconds without use; -1: for ever
) strict;
