// Markdown into elements, for answers of a model. Text becomes text nodes and never HTML, so nothing
// that a model says can be a script, an image that calls home, or a style.

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const BULLET = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ROW = /^\s*\|?(.*?)\|?\s*$/;
const DASHES = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** The elements of a text. A fence that is still open is a block of code already. */
export function render(text) {
  const whole = document.createDocumentFragment();
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  let i = 0;
  while (i < lines.length) i = block(lines, i, whole);
  return whole;
}

function block(lines, i, into) {
  const line = lines[i];
  if (!line.trim()) return i + 1;
  const fence = FENCE.exec(line);
  if (fence) return code(lines, i, fence, into);
  const heading = HEADING.exec(line);
  if (heading) {
    into.append(inline(document.createElement("h3"), heading[2]));
    return i + 1;
  }
  if (RULE.test(line)) {
    into.append(document.createElement("hr"));
    return i + 1;
  }
  if (BULLET.test(line)) return list(lines, i, into);
  if (line.startsWith(">")) return quote(lines, i, into);
  if (line.includes("|") && i + 1 < lines.length && DASHES.test(lines[i + 1])) return table(lines, i, into);
  return paragraph(lines, i, into);
}

function code(lines, i, fence, into) {
  const end = lines.findIndex((each, at) => at > i && each.trim().startsWith(fence[1]) && !each.trim().replaceAll(fence[1][0], ""));
  const body = lines.slice(i + 1, end < 0 ? lines.length : end).join("\n");
  const box = document.createElement("div");
  box.className = "code";
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  const element = document.createElement("code");
  element.textContent = body;
  pre.append(element);
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.copy = body;
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the code");
  box.append(pre, button);
  into.append(box);
  return end < 0 ? lines.length : end + 1;
}

function list(lines, i, into) {
  const first = BULLET.exec(lines[i]);
  const depth = first[1].length;
  const element = document.createElement(first[2] ? "ol" : "ul");
  if (first[2] && first[2] !== "1") element.start = Number(first[2]);
  while (i < lines.length) {
    const found = BULLET.exec(lines[i]);
    if (found && found[1].length > depth + 1 && element.lastElementChild) {
      i = list(lines, i, element.lastElementChild);
    } else if (found && found[1].length >= depth && Boolean(found[2]) === (element.tagName === "OL")) {
      element.append(inline(document.createElement("li"), found[3]));
      i += 1;
    } else if (!found && /^\s{2,}\S/.test(lines[i]) && element.lastElementChild && !FENCE.test(lines[i])) {
      inline(element.lastElementChild, ` ${lines[i].trim()}`);
      i += 1;
    } else if (!lines[i].trim() && i + 1 < lines.length && BULLET.test(lines[i + 1])) {
      i += 1;
    } else break;
  }
  into.append(element);
  return i;
}

function quote(lines, i, into) {
  const inner = [];
  while (i < lines.length && lines[i].startsWith(">")) inner.push(lines[i++].replace(/^>\s?/, ""));
  const element = document.createElement("blockquote");
  element.append(render(inner.join("\n")));
  into.append(element);
  return i;
}

function table(lines, i, into) {
  const box = document.createElement("div");
  box.className = "scroll";
  box.tabIndex = 0;
  const element = document.createElement("table");
  const cells = (line) => ROW.exec(line)[1].split("|").map((each) => each.trim());
  const head = element.createTHead().insertRow();
  for (const each of cells(lines[i])) head.append(inline(document.createElement("th"), each));
  const body = element.createTBody();
  for (i += 2; i < lines.length && lines[i].includes("|"); i++) {
    const row = body.insertRow();
    for (const each of cells(lines[i])) inline(row.insertCell(), each);
  }
  box.append(element);
  into.append(box);
  return i;
}

function paragraph(lines, i, into) {
  const words = [];
  while (i < lines.length && lines[i].trim() && !(words.length && startsBlock(lines[i]))) words.push(lines[i++]);
  into.append(inline(document.createElement("p"), words.join("\n")));
  return i;
}

const startsBlock = (line) => FENCE.test(line) || HEADING.test(line) || BULLET.test(line) || line.startsWith(">");

const MARKS = /(`+)([\s\S]+?)\1(?!`)|\*\*([^\s*](?:[\s\S]*?[^\s])?)\*\*|(?<![\w*])\*([^\s*](?:[^*]*?[^\s*])?)\*(?![\w*])|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/;

/** Appends a line with its code, bold, italic and links to `element`, and returns it. */
function inline(element, text) {
  let rest = text;
  for (let found = MARKS.exec(rest); found; found = MARKS.exec(rest)) {
    plain(element, rest.slice(0, found.index));
    if (found[1]) append(element, "code", found[2].trim());
    else if (found[3] !== undefined) element.append(inline(document.createElement("strong"), found[3]));
    else if (found[4] !== undefined) element.append(inline(document.createElement("em"), found[4]));
    else link(element, found[5], found[6]);
    rest = rest.slice(found.index + found[0].length);
  }
  plain(element, rest);
  return element;
}

function plain(element, text) {
  const lines = text.split("\n");
  lines.forEach((line, at) => {
    if (at) element.append(document.createElement("br"));
    if (line) element.append(line);
  });
}

function append(element, tag, text) {
  const child = document.createElement(tag);
  child.textContent = text;
  element.append(child);
}

function link(element, words, target) {
  const child = document.createElement("a");
  child.textContent = words;
  child.href = target;
  child.rel = "noopener noreferrer nofollow";
  child.target = "_blank";
  element.append(child);
}
