"""The face by pystray in a process of its own, since GTK wants one: `python -m` this.

It says on one line each what it was told and what was clicked, and ends at Quit.
"""

from app.tray.look.actions import Action, Quit
from app.tray.look.facts import Facts, Shelved
from app.tray.look.look import look_of
from app.tray.panel.embedding import has_embedding_bar
from app.tray.panel.face import PanelFace
from tests.tray.pictures import picture, with_engine


def say(*words: object) -> None:
    print(*words, flush=True)


def main() -> None:
    say("bar", has_embedding_bar())
    face = PanelFace()
    facts = Facts(link="here", is_own=True, models=(Shelved(name="one"),))
    face.show(look_of(with_engine(picture(headline="Ready · one"), "one"), facts))

    def perform(action: Action) -> None:
        say("clicked", type(action).__name__)
        if isinstance(action, Quit):
            face.stop()

    face.run(perform, lambda is_seen: say("seen", is_seen))
    say("ended")


if __name__ == "__main__":
    main()
