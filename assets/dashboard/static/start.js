// The first answer: made at once, so that whoever arrives sees that everything works.

import { chat } from "./stream.js";

const box = document.querySelector("[data-self-test]");

const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

async function test() {
  const answer = box.querySelector("[data-answer]");
  const speed = box.querySelector("[data-speed]");
  const again = box.querySelector("[data-again]");
  again.hidden = true;
  answer.textContent = "";
  answer.classList.remove("bad");
  speed.textContent = "Waiting for the model…";
  const start = performance.now();
  let first = 0;
  let words = "";
  let usage;
  let timings;
  try {
    const messages = [{ role: "user", content: box.dataset.question }];
    const request = { model: box.dataset.model, messages, max_tokens: 64 };
    for await (const chunk of chat(request, AbortSignal.timeout(180_000))) {
      const delta = chunk.choices?.[0]?.delta ?? {};
      if (delta.content || delta.reasoning_content) first ||= performance.now();
      words += delta.content ?? "";
      answer.textContent = words;
      usage = chunk.usage ?? usage;
      timings = chunk.timings ?? timings;
    }
    const rate = timings?.predicted_per_second;
    const count = usage?.completion_tokens ?? 0;
    const parts = [`${count} token${count === 1 ? "" : "s"}`];
    if (rate) parts.push(`${rate.toFixed(1)} tokens/s`);
    if (first) parts.push(`first after ${duration(first - start)}`);
    speed.textContent = parts.join(" · ");
  } catch (error) {
    answer.classList.add("bad");
    answer.textContent = error.message;
    speed.textContent = "";
  }
  again.hidden = false;
}

if (box) {
  box.querySelector("[data-again]").addEventListener("click", test);
  test();
}
