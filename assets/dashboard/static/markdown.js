// Markdown into elements, for answers of a model. Text becomes text nodes and never HTML, so nothing
// that a model says can be a script, an image that calls home, or a style.

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const BULLET = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ROW = /^\s*\|?(.*?)\|?\s*$/;
const DASHES = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** Lists and quotes within each other; what is deeper is plain, lest a model that repeats itself hangs the page. */
const LEVELS_MAX = 12;

/** The elements of a text. A fence that is still open is a block of code already. */
export function render(text, level = 0) {
  const whole = document.createDocumentFragment();
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  let i = 0;
  while (i < lines.length) i = block(lines, i, whole, level);
  return whole;
}

function block(lines, i, into, level) {
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
  if (BULLET.test(line) && level < LEVELS_MAX) return list(lines, i, into, level + 1);
  if (line.startsWith(">") && level < LEVELS_MAX) return quote(lines, i, into, level + 1);
  if (line.includes("|") && i + 1 < lines.length && DASHES.test(lines[i + 1])) return table(lines, i, into);
  return paragraph(lines, i, into);
}

function code(lines, i, fence, into) {
  const end = lines.findIndex((each, at) => at > i && closes(each, fence));
  const inner = lines.slice(i + 1, end < 0 ? lines.length : end);
  const body = inner.map((each) => each.slice(Math.min(indent(lines[i]), indent(each)))).join("\n");
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

const closes = (line, fence) => line.trim().startsWith(fence[1]) && !line.trim().replaceAll(fence[1][0], "");

function list(lines, i, into, level) {
  const first = BULLET.exec(lines[i]);
  const element = document.createElement(first[2] ? "ol" : "ul");
  if (first[2] && first[2] !== "1") element.start = Number(first[2]);
  const isNext = (found) => found && !isInside(found[0], first) && Boolean(found[2]) === Boolean(first[2]);
  for (let found = first; isNext(found); found = BULLET.exec(lines[i] ?? "")) {
    const [own, end] = item(lines, i, found);
    element.append(listItem(own, level));
    i = written(lines, end);
  }
  into.append(element);
  return i;
}

/** The first line from `i` on that is not blank. */
function written(lines, i) {
  while (i < lines.length && !lines[i].trim()) i += 1;
  return i;
}

const indent = (line) => line.length - line.trimStart().length;
const isInside = (line, bullet) => indent(line) > bullet[1].length + 1;

/** The lines of one item without their indent, and where it ends. A fence takes all to its end. */
function item(lines, i, bullet) {
  const width = bullet[0].length - bullet[3].length;
  const own = [bullet[3]];
  let fence = FENCE.exec(bullet[3]);
  for (i += 1; i < lines.length; i++) {
    if (!fence && !isInside(lines[written(lines, i)] ?? "", bullet)) break;
    const line = lines[i].slice(Math.min(width, indent(lines[i])));
    own.push(line);
    if (!fence) fence = FENCE.exec(line);
    else if (closes(line, fence)) fence = null;
  }
  return [own, i];
}

function listItem(own, level) {
  const made = document.createElement("li");
  const parts = render(own.join("\n"), level);
  // Its first words stand beside the bullet, not in a paragraph below it.
  if (parts.firstElementChild?.tagName === "P") parts.firstElementChild.replaceWith(...parts.firstElementChild.childNodes);
  made.append(parts);
  return made;
}

function quote(lines, i, into, level) {
  const inner = [];
  while (i < lines.length && lines[i].startsWith(">")) inner.push(lines[i++].replace(/^>\s?/, ""));
  const element = document.createElement("blockquote");
  element.append(render(inner.join("\n"), level));
  into.append(element);
  return i;
}

function table(lines, i, into) {
  const box = document.createElement("div");
  box.className = "scroll";
  box.tabIndex = 0;
  const element = document.createElement("table");
  const cells = (line) => ROW.exec(line)[1].split(/(?<!\\)\|/).map((each) => each.trim().replaceAll("\\|", "|"));
  const sides = cells(lines[i + 1]).map(side);
  const fill = (row, tag, line) =>
    cells(line).forEach((each, column) => {
      const cell = inline(document.createElement(tag), each);
      cell.style.textAlign = sides[column] ?? "";
      row.append(cell);
    });
  fill(element.createTHead().insertRow(), "th", lines[i]);
  const body = element.createTBody();
  for (i += 2; i < lines.length && lines[i].includes("|"); i++) fill(body.insertRow(), "td", lines[i]);
  box.append(element);
  into.append(box);
  return i;
}

/** To which side the dashes below a column's head put it: `:--`, `:-:` or `--:`. */
function side(dashes) {
  if (!dashes.endsWith(":")) return dashes.startsWith(":") ? "left" : "";
  return dashes.startsWith(":") ? "center" : "right";
}

function paragraph(lines, i, into) {
  const words = [];
  while (i < lines.length && lines[i].trim() && !(words.length && startsBlock(lines[i]))) words.push(lines[i++]);
  into.append(inline(document.createElement("p"), words.join("\n")));
  return i;
}

const startsBlock = (line) => FENCE.test(line) || HEADING.test(line) || BULLET.test(line) || line.startsWith(">");

const MARKS = new RegExp([
  /(`+)(?<code>[\s\S]+?)\1(?!`)/,
  /\*\*(?<strong>[^\s*](?:[\s\S]*?[^\s])?)\*\*/,
  /(?<![\w*])\*(?<em>[^\s*](?:[^*]*?[^\s*])?)\*(?![\w*])/,
  /(?<!\w)_(?<under>[^\s_](?:[^_]*?[^\s_])?)_(?!\w)/,
  /~~(?<gone>[^\s~](?:[^~]*?[^\s~])?)~~/,
  /!?\[(?<words>[^\]\n]+)\]\((?<target>https?:\/\/(?:[^\s()]|\([^\s()]*\))+)\)/,
  /(?<!\w)(?<bare>https?:\/\/(?:[^\s()<>"`*]|\([^\s()]*\))*(?:[^\s()<>"`*.,;:!?'\]]|\([^\s()]*\)))/,
].map((each) => each.source).join("|"));

/** Appends a line with its code, bold, italic and links to `element`, and returns it. */
function inline(element, text) {
  let rest = text;
  for (let found = MARKS.exec(rest); found; found = MARKS.exec(rest)) {
    const { code, strong, em, under, gone, words, target, bare } = found.groups;
    plain(element, rest.slice(0, found.index));
    if (code !== undefined) append(element, "code", code.trim());
    else if (strong !== undefined) element.append(inline(document.createElement("strong"), strong));
    else if (gone !== undefined) element.append(inline(document.createElement("del"), gone));
    else if (em !== undefined || under !== undefined) element.append(inline(document.createElement("em"), em ?? under));
    else link(element, words ?? bare, target ?? bare);
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
