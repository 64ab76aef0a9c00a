// The live connection: cards are replaced when the server says that they read otherwise.
//
// Every page has one, if only to say that the server is gone, or was updated.

import { showTimes } from "./app.js";
import { followWhileSeen } from "./seen.js";

const gone = document.querySelector("[data-gone]");
const updated = document.querySelector("[data-updated]");
const pulse = document.querySelector("[data-pulse]");
let wasGone = false;

function say(is, words) {
  if (!pulse) return;
  pulse.hidden = false;
  pulse.dataset.is = is;
  pulse.querySelector("[data-word]").textContent = words;
}

/** Whether replacing `card` would take something out of its reader's hands. */
function isInUse(card) {
  const active = document.activeElement;
  return card.contains(active) && active.matches("input:not([type=hidden]), select, textarea");
}

/** The button that was pressed last. While it asks it is disabled, and then has no focus to be kept. */
let pressed = "";
document.addEventListener("submit", ({ submitter }) => (pressed = submitter?.id ?? ""));
document.addEventListener("focusin", ({ target }) => {
  if (target.id !== pressed) pressed = "";
});

function put(name, html) {
  const card = document.getElementById(`card-${name}`);
  if (!card || isInUse(card)) return;
  const active = document.activeElement === document.body ? document.getElementById(pressed) : document.activeElement;
  const focused = card.contains(active) ? active.id : "";
  const open = new Set([...card.querySelectorAll("details[open][id]")].map((each) => each.id));
  card.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  globalThis.htmx?.process(card);
  showTimes(card);
}

/** A newer server has newer pages. What was written here must not be lost, so it only asks then. */
function isOfAnotherVersion(version) {
  if (version === document.documentElement.dataset.version) return false;
  const question = new CustomEvent("athanor:reload", { cancelable: true });
  if (document.dispatchEvent(question)) location.reload();
  else updated.hidden = false;
  return true;
}

function take(event) {
  const update = JSON.parse(event.data);
  if (isOfAnotherVersion(update.version)) return;
  for (const [name, html] of Object.entries(update.cards)) put(name, html);
  for (const each of document.querySelectorAll("[data-summary]")) {
    if (each.textContent !== update.summary) each.textContent = update.summary;
  }
  document.dispatchEvent(new CustomEvent("athanor:update", { detail: { ...update, kind: event.type } }));
}

/** Connect, and connect again whenever the connection ends. */
export function begin() {
  const page = document.body.dataset.page;
  if (!page || document.querySelector('form[action="/dashboard/sign-in"]')) return;
  followWhileSeen(() => `/dashboard/events/${page}`, {
    open: () => {
      say("live", "Live");
      if (!gone.hidden) document.dispatchEvent(new CustomEvent("athanor:back"));
      gone.hidden = true;
      wasGone = false;
    },
    picture: take,
    change: take,
    error: () => {
      // A stream that the server ended is begun again; only one that cannot be is told.
      say("gone", "Not connected");
      gone.hidden = !wasGone;
      wasGone = true;
    },
  });
}
