"""Report: the back ends of this process, for whoever wants to know why a GPU is not used."""

from app.engine.llama import library, modules
from app.engine.llama.devices import list_devices
from app.wire.runtime import BackendReport


def backend_report() -> BackendReport:
    """Modules that were tried, with their reasons, and all devices, tried or not."""
    library.start()
    return BackendReport(
        version=library.version(),
        build=library.build(),
        is_modular=modules.is_modular(),
        modules=modules.seen(),
        devices=tuple(list_devices(with_untried=True)),
    )
