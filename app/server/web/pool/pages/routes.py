"""Routes: every handler of the pool's pages, for the host's application to mount."""

from typing import Final

from app.server.web.dashboard.static_files import static_file
from app.server.web.pool.pages.accounts import PEOPLE_HANDLERS
from app.server.web.pool.pages.entrance import ENTRANCE_HANDLERS
from app.server.web.pool.pages.keys import KEYS_HANDLERS
from app.server.web.pool.pages.live import events
from app.server.web.pool.pages.overview import VIEW_HANDLERS

POOL_PAGE_HANDLERS: Final = (
    *ENTRANCE_HANDLERS,
    *VIEW_HANDLERS,
    *PEOPLE_HANDLERS,
    *KEYS_HANDLERS,
    events,
    static_file,
)
