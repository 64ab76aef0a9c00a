// Streams of events that are open only while somebody sees the page.
//
// A browser opens six connections to one server, over all of its tabs, and a stream holds one for as
// long as it is open; pages that were left may keep theirs for a while. The seventh would never load.

const AGAIN_MS = 2000;

/** Follow the stream at `address()`, again whenever it ends; `listeners` are by the event's name. */
export function followWhileSeen(address, listeners) {
  let source = null;
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    if (document.hidden) return;
    source = new EventSource(address());
    for (const [name, act] of Object.entries(listeners)) source.addEventListener(name, act);
    source.addEventListener("error", () => {
      close();
      timer = setTimeout(open, AGAIN_MS);
    });
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });
  open();
}
