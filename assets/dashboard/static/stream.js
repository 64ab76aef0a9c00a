// A streamed answer of the OpenAI API, event by event.

import { token, wordsOf } from "./app.js";

/**
 * The chunks of a chat completion as they come. Throws an Error whose message can be shown; an
 * aborted signal ends it with an AbortError.
 */
export async function* chat(request, signal) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers["X-Athanor-Token"] = token;
  const body = JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } });
  const asked = fetch("/v1/chat/completions", { method: "POST", headers, body, signal });
  const response = await asked.catch(inWords("The server did not answer. Is it still running?"));
  if (!response.ok) throw new Error(wordsOf(await response.text(), response.status));
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Error(chunk.error.message);
    yield chunk;
  }
  throw new Error(BROKEN_OFF);
}

const BROKEN_OFF = "The answer broke off.";

/** Of a connection that failed browsers say "network error" or "Failed to fetch"; a reader is told `words`. */
const inWords = (words) => (error) => {
  throw error instanceof TypeError ? new Error(words) : error;
};

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(inWords(BROKEN_OFF));
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
        else if (!line.trim() && data.length) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
