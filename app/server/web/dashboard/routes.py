"""Routes: every handler of the dashboard. The front page is in web/openai/surroundings.py."""

from typing import Final

from app.server.web.dashboard import entrance, live, models, playground, static_files

PAGE_HANDLERS: Final = (
    entrance.enter,
    entrance.sign_in,
    entrance.sign_out,
    live.events,
    models.load,
    models.unload,
    playground.playground,
    static_files.static_file,
)
