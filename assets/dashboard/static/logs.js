// The log page: lines as they come, those with a word alone, and following the end or not.

import { followWhileSeen } from "./seen.js";

const box = document.querySelector("[data-logs]");
const lines = box.querySelector("[data-lines]");
const words = box.querySelector("[data-words]");
const follow = box.querySelector("[data-follow]");
const LINES_MAX = 2000;

let isFollowing = true;

function toEnd() {
  if (isFollowing) lines.scrollTop = lines.scrollHeight;
}

function setFollowing(follows) {
  isFollowing = follows;
  follow.setAttribute("aria-pressed", String(follows));
  follow.textContent = follows ? "Following" : "Follow";
  toEnd();
}

function sift(line) {
  const wanted = words.value.toLowerCase();
  line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
}

function take(event) {
  lines.querySelector("[data-none]")?.remove();
  for (const { level, text } of JSON.parse(event.data)) {
    const line = document.createElement("p");
    line.className = `is-${level}`;
    line.textContent = text;
    sift(line);
    lines.append(line);
  }
  while (lines.children.length > LINES_MAX) lines.firstElementChild.remove();
  box.dataset.after = event.lastEventId;
  toEnd();
}

document.querySelector("[data-submits]").addEventListener("change", (event) => event.target.form.requestSubmit());
words.addEventListener("input", () => {
  for (const line of lines.children) sift(line);
  toEnd();
});
words.form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target === words) event.preventDefault();
});
follow.hidden = false;
follow.addEventListener("click", () => setFollowing(!isFollowing));
lines.addEventListener("wheel", () => {
  if (lines.scrollTop + lines.clientHeight < lines.scrollHeight - 40) setFollowing(false);
}, { passive: true });
toEnd();
followWhileSeen(
  () => `/dashboard/log-lines?level=${box.dataset.level}&after=${box.dataset.after}`,
  { message: take },
);
