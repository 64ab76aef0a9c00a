// What every page does: copy buttons, times in the reader's zone, messages, the live connection.

import { begin as beginLive } from "./live.js";

/** Before words that the next page says. In the window's name, since these pages store nothing. */
const SAID = "athanor says: ";

const PAGES = {
  home: "./plots.js",
  credits: "./days.js",
  start: "./start.js",
  playground: "./playground.js",
  connect: "./connect.js",
  logs: "./logs.js",
};

export const token = document.querySelector('meta[name="athanor-token"]').content;

/** A short message in the corner; one that says what went wrong stays until it is closed. */
export function toast(words, { isBad = false } = {}) {
  const box = document.querySelector("[data-toasts]");
  const note = document.createElement("div");
  note.className = isBad ? "toast is-bad" : "toast";
  const text = document.createElement("span");
  text.textContent = words;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => note.remove());
  note.append(text, close);
  box.append(note);
  while (box.children.length > 4) box.firstElementChild.remove();
  if (!isBad) setTimeout(() => note.remove(), 5000);
}

/** What an error answer of the server says. */
export function wordsOf(body, status) {
  try {
    return JSON.parse(body).error.message;
  } catch {
    return status ? `The server answered with status ${status}.` : "The server did not answer.";
  }
}

async function copy(button) {
  const word = button.querySelector("[data-word]") ?? button;
  const before = word.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Pages that are not on this machine have no clipboard: the old way.
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  word.textContent = "Copied";
  setTimeout(() => (word.textContent = before), 1500);
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const HOUR = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Times as this browser's owner reads them. */
export function showTimes(within = document) {
  for (const element of within.querySelectorAll("time[datetime]:not([title])")) {
    const when = new Date(element.dateTime);
    if (Number.isNaN(when.getTime())) continue;
    const isToday = when.toDateString() === new Date().toDateString();
    element.title = when.toString();
    element.textContent = (isToday ? HOUR : DAY).format(when);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

// Forms that only choose what is shown follow their fields.
for (const form of document.querySelectorAll("[data-submits-all]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// A list that is sifted by what its field says, also after the server drew it anew.
function sift(field) {
  const wanted = field.value.toLowerCase();
  for (const each of document.querySelectorAll(field.dataset.filter)) {
    each.hidden = wanted !== "" && !(each.dataset.filtered ?? each.textContent).toLowerCase().includes(wanted);
  }
}
for (const field of document.querySelectorAll("[data-filter]")) {
  field.addEventListener("input", () => sift(field));
  document.addEventListener("athanor:update", () => sift(field));
}

/** Leads to the field of a form that an error is about, and gives the words with its name before them. */
function pointAt(form, body, words) {
  let name = "";
  try {
    name = JSON.parse(body).error.param;
  } catch {
    // An error that is not one of ours is about no field.
  }
  const field = form instanceof HTMLFormElement && name ? form.elements.namedItem(name) : null;
  if (!field?.labels?.length) return words;
  field.setAttribute("aria-invalid", "true");
  field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
  // The button that was pressed is enabled again after this, and must not be given the focus back.
  setTimeout(() => field.focus());
  return words.startsWith("must ") ? `${field.labels[0].textContent} ${words}` : words;
}

// htmx: an answer that is an error says in its body what went wrong.
document.addEventListener("htmx:responseError", (event) => {
  const { elt, xhr } = event.detail;
  toast(pointAt(elt, xhr.responseText, wordsOf(xhr.responseText, xhr.status)), { isBad: true });
});
document.addEventListener("htmx:sendError", () => {
  toast("The server did not answer. Is it still running?", { isBad: true });
});
document.addEventListener("htmx:afterSwap", (event) => showTimes(event.detail.target));
document.addEventListener("htmx:afterSettle", (event) => event.detail.target.querySelector('[aria-invalid="true"]')?.focus());
document.addEventListener("athanor:back", () => toast("The server is back."));

// What was done is told on the page that is shown next, where another one is.
let isLeaving = false;
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const path = event.detail.xhr.getResponseHeader("HX-Redirect");
  const next = path === null ? null : new URL(path, location.href);
  isLeaving = next !== null && !(next.hash && next.pathname === location.pathname && next.search === location.search);
});
document.addEventListener("athanor:said", (event) => {
  if (isLeaving) window.name = SAID + event.detail.value;
  else toast(event.detail.value);
});
if (window.name.startsWith(SAID)) {
  toast(window.name.slice(SAID.length));
  window.name = "";
}

// htmx notes the page's path for a history that these pages do not use; nothing is stored here.
try {
  sessionStorage.removeItem("htmx-current-path-for-history");
} catch {
  // A browser that stores nothing has nothing to forget.
}

showTimes();
document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
beginLive();

const page = document.querySelector("[data-self-test]") ? "start" : document.body.dataset.page;
if (PAGES[page] && !document.querySelector(".guide:not(:has([data-self-test]))") && !document.querySelector('form[action="/dashboard/sign-in"]')) import(PAGES[page]);
