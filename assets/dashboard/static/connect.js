// "Try it": the calls that a program makes, made from here, and how each went.

import { token, wordsOf } from "./app.js";

const box = document.querySelector("[data-try]");
const run = box.querySelector("[data-run]");
const results = box.querySelector("[data-results]");
const LATEST_MS = 120_000;

const HEADERS = { "Content-Type": "application/json", Authorization: "Bearer no-key-needed" };
if (token) HEADERS["X-Athanor-Token"] = token;

const MESSAGES = [{ role: "user", content: "Answer with one short sentence: is anybody there?" }];
const TOOLS = [{
  type: "function",
  function: {
    name: "get_time",
    description: "The time of day in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
}];

const STEPS = {
  models: { words: "List the models", act: listModels },
  chat: { words: "Ask for a whole answer", act: (model, signal) => ask({ model, max_tokens: 32 }, signal) },
  stream: { words: "Ask for a streamed answer with its usage", act: (model, signal) => stream({ model, max_tokens: 32 }, signal) },
  tools: { words: "Ask with a tool", act: (model, signal) => stream({ model, max_tokens: 64, tools: TOOLS }, signal) },
};

async function call(path, request, signal) {
  const response = await fetch(path, { ...request, headers: HEADERS, signal });
  if (!response.ok) throw new Error(wordsOf(await response.text(), response.status));
  return response;
}

async function listModels(model, signal) {
  const { data } = await (await call("/v1/models", {}, signal)).json();
  if (!data.some((each) => each.id === model)) throw new Error(`${model} is not in the list.`);
  return `${data.length} model${data.length === 1 ? "" : "s"}`;
}

async function ask(wishes, signal) {
  const body = JSON.stringify({ messages: MESSAGES, ...wishes });
  const answer = await (await call("/v1/chat/completions", { method: "POST", body }, signal)).json();
  return said(answer.choices[0].message.content, answer.usage);
}

async function stream(wishes, signal) {
  const body = JSON.stringify({ messages: MESSAGES, stream: true, stream_options: { include_usage: true }, ...wishes });
  const response = await call("/v1/chat/completions", { method: "POST", body }, signal);
  const events = (await response.text()).split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
  if (events.at(-1) !== "[DONE]") throw new Error(wordsOf(events.at(-1) ?? "", 0));
  const chunks = events.slice(0, -1).map((each) => JSON.parse(each));
  const usage = chunks.at(-1).usage;
  if (!usage) throw new Error("The stream had no usage at its end.");
  const deltas = chunks.map((each) => each.choices[0]?.delta ?? {});
  if (deltas.some((each) => each.tool_calls)) return `the model called the tool; ${tokens(usage)}`;
  return said(deltas.map((each) => each.content ?? "").join(""), usage);
}

function said(words, usage) {
  const text = (words ?? "").trim().replace(/\s+/g, " ");
  const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return `${shown ? `“${shown}” · ` : ""}${tokens(usage)}`;
}

const tokens = ({ completion_tokens: count }) => `${count} token${count === 1 ? "" : "s"}`;

function line(words) {
  const item = document.createElement("li");
  const mark = document.createElement("span");
  mark.className = "mark is-working";
  mark.textContent = "…";
  const what = document.createElement("span");
  what.textContent = words;
  const time = document.createElement("span");
  time.className = "number soft";
  const note = document.createElement("span");
  note.className = "small soft";
  item.append(mark, what, time, note);
  results.append(item);
  return (isGood, text, ms) => {
    mark.className = isGood ? "mark good" : "mark bad";
    mark.textContent = isGood ? "✓" : "✗";
    mark.setAttribute("aria-label", isGood ? "worked" : "failed");
    mark.setAttribute("role", "img");
    note.className = isGood ? "small soft" : "small bad";
    note.textContent = text;
    time.textContent = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  };
}

run.addEventListener("click", async () => {
  run.disabled = true;
  results.replaceChildren();
  for (const name of box.dataset.steps.split(" ")) {
    const step = STEPS[name];
    const end = line(step.words);
    const start = performance.now();
    try {
      const words = await step.act(box.dataset.model, AbortSignal.timeout(LATEST_MS));
      end(true, words, performance.now() - start);
    } catch (error) {
      const words = error instanceof TypeError ? "The server did not answer." : error.message;
      end(false, words, performance.now() - start);
      break;
    }
  }
  run.disabled = false;
});
