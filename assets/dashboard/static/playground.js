// The playground: a conversation that lives in this page alone.

import { toast } from "./app.js";
import { render } from "./markdown.js";
import { chat } from "./stream.js";

const $ = (name) => document.querySelector(`[data-${name}]`);
const list = $("messages");
const welcome = $("welcome");
const prompt = $("prompt");
const send = $("send");
const stop = $("stop");
const model = $("model");
const system = $("system");
const save = $("save");

let messages = [];
let underWay = null;
let isSaved = true;

const fields = [...document.querySelectorAll("[data-parameter]")];

/** The wishes that were written; empty fields are left to the server. */
function parameters() {
  const written = fields.filter((field) => field.value !== "");
  return Object.fromEntries(written.map((field) => [field.dataset.parameter, Number(field.value)]));
}

/** A value between two of a field's steps is right, but where only whole numbers are. */
function isWrong({ validity, step }) {
  const { badInput, rangeUnderflow, rangeOverflow, stepMismatch } = validity;
  return badInput || rangeUnderflow || rangeOverflow || (stepMismatch && step === "1");
}

/** Whether the wishes can be asked for; the first that cannot is shown with the reason. */
function areWishesRight() {
  const wrong = fields.find(isWrong);
  if (wrong) wrong.closest("details").open = true;
  return !wrong || wrong.reportValidity();
}

/** What the model is told. A question that got no answer is left out as soon as the next is asked:
 *  the templates of many models refuse two in a row, and one that was refused would be so again. */
function told() {
  const said = messages.filter((each) => !each.failed && (each.role === "user" || each.content));
  return said.filter((each, at) => each.role !== "user" || said[at + 1]?.role !== "user");
}

function spoken() {
  const before = system.value.trim() ? [{ role: "system", content: system.value }] : [];
  return [...before, ...told().map(({ role, content }) => ({ role, content }))];
}

function element(tag, words = "", kind = "") {
  const made = document.createElement(tag);
  if (words) made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

function button(words, act) {
  const made = element("button", words, "is-quiet");
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Draw a message anew; what it shows is all in the message. */
function draw(message) {
  const box = message.box ?? element("article", "", `message is-${message.role}`);
  message.box = box;
  box.classList.toggle("is-failed", Boolean(message.failed));
  box.classList.toggle("is-left-out", Boolean(message.isLeftOut));
  const header = element("header", message.role === "user" ? "You" : message.model);
  const body = element("div", "", "body");
  if (message.role === "user") body.textContent = message.content;
  else if (message.failed) body.textContent = message.failed;
  else body.append(render(message.content));
  const parts = [header];
  if (message.reasoning) parts.push(drawReasoning(message));
  if (message.waiting) body.append(element("p", message.waiting, "soft is-working"));
  parts.push(body, drawFooter(message));
  box.replaceChildren(...parts);
  box.setAttribute("aria-busy", String(message === underWay?.message));
  if (!box.isConnected) list.append(box);
}

function drawReasoning(message) {
  const details = element("details", "", "reasoning");
  const isThinking = message === underWay?.message && !message.content;
  details.open = message.reasoningIsOpen ?? false;
  details.addEventListener("toggle", () => (message.reasoningIsOpen = details.open));
  const summary = element("summary", isThinking ? "Thinking…" : "Reasoning");
  if (isThinking) summary.classList.add("is-working");
  details.append(summary, element("div", message.reasoning));
  return details;
}

function drawFooter(message) {
  const footer = element("footer");
  if (message.isLeftOut) footer.append(element("span", "Without an answer, so the model is not told of it."));
  footer.append(element("span", message.stats ?? "", "stats number"));
  if (underWay) return footer;
  const copyButton = button("Copy", () => {});
  copyButton.dataset.copy = message.content;
  if (message.content) footer.append(copyButton);
  if (message.role === "user") footer.append(button("Edit", () => edit(message)));
  else if (message === messages.at(-1)) footer.append(button("Regenerate", regenerate));
  return footer;
}

function drawAll() {
  const heard = told();
  for (const each of messages) {
    each.isLeftOut = each.role === "user" && !heard.includes(each);
    draw(each);
  }
  welcome.hidden = messages.length > 0;
  save.disabled = !messages.length || Boolean(underWay);
  send.hidden = Boolean(underWay);
  stop.hidden = !underWay;
}

/** Put a message of the user back to be written again; what followed it is taken away. */
function edit(message) {
  const at = messages.indexOf(message);
  for (const each of messages.splice(at)) each.box.remove();
  prompt.value = message.content;
  drawAll();
  prompt.focus();
}

function regenerate() {
  if (!areWishesRight()) return;
  messages.pop().box.remove();
  answer();
}

function say(words) {
  if (!words.trim() || underWay || !areWishesRight()) return;
  messages.push({ role: "user", content: words });
  isSaved = false;
  prompt.value = "";
  answer();
}

const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

function statsOf(progress) {
  const words = [];
  const { count, first, start, timings, usage } = progress;
  const tokens = usage?.completion_tokens ?? count;
  if (tokens) words.push(`${tokens} token${tokens === 1 ? "" : "s"}`);
  const speed = timings?.predicted_per_second ?? (count > 1 ? (count - 1) / ((performance.now() - first) / 1000) : 0);
  if (speed && tokens > 1) words.push(`${speed.toFixed(1)} tokens/s`);
  if (first) words.push(`first after ${seconds(first - start)}`);
  if (progress.reason === "length") words.push("cut at the limit of tokens");
  if (progress.isStopped) words.push("stopped");
  return words.join(" · ");
}

async function answer() {
  const message = { role: "assistant", content: "", reasoning: "", model: model.value, waiting: "Waiting for the model…" };
  const abort = new AbortController();
  const progress = { start: performance.now(), first: 0, count: 0 };
  underWay = { message, abort };
  const request = { model: model.value, messages: spoken(), ...parameters() };
  messages.push(message);
  drawAll();
  scroll(true);
  let frame = 0;
  const show = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const follows = isAtEnd();
      message.stats = statsOf(progress);
      draw(message);
      scroll(follows);
    });
  };
  try {
    for await (const chunk of chat(request, abort.signal)) {
      take(chunk, message, progress);
      show();
    }
  } catch (error) {
    if (error.name === "AbortError") progress.isStopped = true;
    else if (message.content || message.reasoning) toast(error.message, { isBad: true });
    else message.failed = error.message;
  }
  cancelAnimationFrame(frame);
  message.waiting = "";
  message.stats = statsOf(progress);
  underWay = null;
  drawAll();
  document.dispatchEvent(new CustomEvent("athanor:answered"));
}

function take(chunk, message, progress) {
  const choice = chunk.choices?.[0];
  const { content, reasoning_content: reasoning } = choice?.delta ?? {};
  if (content || reasoning) {
    progress.first ||= performance.now();
    progress.count += 1;
    message.waiting = "";
    message.content += content ?? "";
    message.reasoning += reasoning ?? "";
  }
  progress.reason = choice?.finish_reason ?? progress.reason;
  progress.usage = chunk.usage ?? progress.usage;
  progress.timings = chunk.timings ?? progress.timings;
}

const isAtEnd = () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 120;
function scroll(follows) {
  if (follows) window.scrollTo({ top: document.documentElement.scrollHeight });
}

function halt() {
  underWay?.abort.abort();
}

// --- files -------------------------------------------------------------------------------------

function saved() {
  const kept = messages.filter((each) => !each.failed);
  return {
    format: "athanor-conversation",
    model: model.value,
    system: system.value,
    parameters: parameters(),
    messages: kept.map(({ role, content, reasoning, model: by }) => ({
      role, content, ...(reasoning && { reasoning_content: reasoning }), ...(by && { model: by }),
    })),
  };
}

function saveFile() {
  const blob = new Blob([JSON.stringify(saved(), null, 2)], { type: "application/json" });
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = `conversation-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, "-")}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
  isSaved = true;
}

async function openFile(file) {
  try {
    const found = JSON.parse(await file.text());
    if (found.format !== "athanor-conversation") throw new Error("not one");
    const read = found.messages.map((each) => ({
      role: each.role === "user" ? "user" : "assistant",
      content: String(each.content ?? ""),
      reasoning: String(each.reasoning_content ?? ""),
      model: String(each.model ?? ""),
    }));
    clear();
    messages = read;
    system.value = String(found.system ?? "");
    if ([...model.options].some((each) => each.value === found.model)) model.value = found.model;
    drawAll();
  } catch {
    toast(`${file.name} is not a saved conversation.`, { isBad: true });
  }
}

function clear() {
  halt();
  for (const each of messages) each.box?.remove();
  messages = [];
  isSaved = true;
  drawAll();
}

// --- what the reader does ----------------------------------------------------------------------

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say(prompt.value);
});
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    say(prompt.value);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && underWay) halt();
});
stop.addEventListener("click", () => {
  halt();
  prompt.focus();
});
for (const each of document.querySelectorAll("[data-example]")) {
  each.addEventListener("click", () => say(each.textContent));
}
$("clear").addEventListener("click", () => {
  clear();
  prompt.focus();
});
save.addEventListener("click", saveFile);
$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", (event) => {
  if (event.target.files[0]) openFile(event.target.files[0]);
  event.target.value = "";
});
model.addEventListener("change", () => {
  let isDemonstration = false;
  for (const each of document.querySelectorAll("[data-demonstration]")) {
    each.hidden = each.dataset.demonstration !== model.value;
    isDemonstration ||= !each.hidden;
  }
  for (const each of document.querySelectorAll("[data-examples]")) {
    each.hidden = (each.dataset.examples === "demonstration") !== isDemonstration;
  }
});
/** Draw the list of models anew. The chosen one stays, also where it is gone: asked, the server says why. */
function drawModels(html) {
  const drawn = element("template");
  drawn.innerHTML = html;
  const chosen = model.selectedOptions[0];
  const options = [...drawn.content.children];
  if (!options.some((each) => each.value === chosen.value)) options.push(chosen);
  model.replaceChildren(...options);
  model.value = chosen.value;
}
document.addEventListener("athanor:update", ({ detail }) => {
  if (detail.cards.talkers !== undefined) drawModels(detail.cards.talkers);
});
// While it waits, the node's own words say why: it loads, another answer is first.
document.addEventListener("athanor:update", ({ detail }) => {
  const message = underWay?.message;
  if (!message?.waiting) return;
  message.waiting = detail.summary;
  draw(message);
});
document.addEventListener("athanor:reload", (event) => {
  if (messages.length) event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (messages.length && !isSaved) event.preventDefault();
});

if (matchMedia("(hover: hover)").matches) prompt.focus();
