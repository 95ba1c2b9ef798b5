"use strict";
// Shows where the bytes of a library went. Plain JavaScript: the page is one file and fetches nothing.
//
// A row of the data is [file, name, share, section, bytes, bytes of the base], the first four being positions in
// the report's lists. What is shown is a tree, made of the rows for one grouping: name, sums, children.
const { reports } = JSON.parse(document.getElementById("data").textContent);
const CORE = "fixed core", SEVERAL = "shared by several operators", MOST_TILES = 150, MOST_ROWS = 500;
const GROUPINGS = {
  "component, file, function": ["component", "file", "symbol"],
  "operator, file, function": ["operator", "file", "symbol"],
  "section, component, file, function": ["section", "component", "file", "symbol"],
};
const find = (id) => document.getElementById(id);
const state = { sort: "size", down: true, path: [] };
const number = new Intl.NumberFormat("en-US");
const bytes = (value) => number.format(Math.round(value));
const signed = (value) => (value > 0 ? "+" : "") + bytes(value);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function fill(select, values, chosen = 0) {
  select.replaceChildren(...values.map(([value, text]) => element("option", { value, textContent: text })));
  select.selectedIndex = chosen;
}

// Whether a model needs what a share of operators needs: the core is needed by all.
function needs(report, share, model) {
  const operators = report.shares[share];
  return !model || !operators.length || operators.some((it) => report.operators[it][1].includes(model));
}

function operatorOf(report, share) {
  const operators = report.shares[share];
  if (!operators.length) return CORE;
  if (operators.length === 1) return report.operators[operators[0]][0];
  return SEVERAL;
}

const LEVELS = {
  component: (report, row) => report.files[row[0]][1],
  file: (report, row) => report.files[row[0]][0],
  symbol: (report, row) => report.names[row[1]],
  operator: (report, row) => operatorOf(report, row[2]),
  section: (report, row) => report.sections[row[3]][0],
};

// What several operators share is told with their names, one level deeper.
function namesOf(report, row, levels) {
  const names = levels.map((level) => LEVELS[level](report, row));
  const operators = report.shares[row[2]];
  if (levels[0] === "operator" && operators.length > 1) {
    const told = operators.slice(0, 3).map((it) => report.operators[it][0]).join(", ");
    const more = operators.length > 3 ? ` and ${operators.length - 3} more` : "";
    names.splice(1, 0, told + more);
  }
  return names;
}

function treeOf(report, levels, model, download) {
  const root = { name: report.target, size: 0, was: 0, children: new Map(), parent: null };
  for (const row of report.rows) {
    if (!needs(report, row[2], model)) continue;
    const factor = download ? report.sections[row[3]][1] : 1;
    let node = root;
    const add = (it) => { it.size += row[4] * factor; it.was += row[5] * factor; };
    add(root);
    for (const name of namesOf(report, row, levels)) {
      if (!node.children.has(name)) {
        node.children.set(name, { name, size: 0, was: 0, children: new Map(), parent: node });
      }
      node = node.children.get(name);
      add(node);
    }
  }
  return root;
}

const chosenReport = () => reports[find("library").selectedIndex];

function rebuild(keep) {
  const report = chosenReport();
  const levels = GROUPINGS[find("grouping").value];
  state.root = treeOf(report, levels, find("model").value, find("measure").value === "download");
  const names = keep ? state.path : [];
  state.path = [];
  let node = state.root;
  for (const name of names) {
    node = node.children.get(name);
    if (!node) break;
    state.path.push(name);
  }
  render();
}

function current() {
  return state.path.reduce((node, name) => node.children.get(name), state.root);
}

function go(path, focus) {
  state.path = path;
  find("search").value = "";
  render();
  if (focus) (find("map").querySelector("button") || find("path").querySelector("button")).focus();
}

// Squarified treemap: rows along the shorter side, as long as tiles get no worse (Bruls, Huizing, van Wijk).
function layout(items, total, width, height) {
  const placed = [];
  let x = 0, y = 0, left = width, high = height, scale = (width * height) / (total || 1), start = 0;
  const worst = (sum, least, most, side) => Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least));
  while (start < items.length) {
    const side = Math.min(left, high);
    let sum = 0, end = start, best = Infinity;
    while (end < items.length) {
      const area = items[end].size * scale;
      const next = worst(sum + area, area, items[start].size * scale, side);
      if (next > best) break;
      best = next;
      sum += area;
      end += 1;
    }
    const thick = side ? sum / side : 0;
    let at = 0;
    for (const item of items.slice(start, end)) {
      const long = thick ? (item.size * scale) / thick : 0;
      const upright = left >= high;
      placed.push([item, upright ? x : x + at, upright ? y + at : y, upright ? thick : long, upright ? long : thick]);
      at += long;
    }
    if (left >= high) { x += thick; left -= thick; } else { y += thick; high -= thick; }
    start = end;
  }
  return placed;
}

function hue(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return hash;
}

// Light tiles in both modes, so that dark text has its contrast: red grew, blue shrank, grey stayed.
function colour(node) {
  if (find("colours").value !== "difference") return `hsl(${hue(node.name)} 55% 80%)`;
  const change = (node.size - node.was) / Math.max(node.size, node.was, 1);
  if (Math.abs(change) < 0.001) return "hsl(0 0% 86%)";
  return `hsl(${change > 0 ? 12 : 215} 85% ${88 - 20 * Math.min(1, Math.abs(change))}%)`;
}

function describe(node, total) {
  const share = total ? ((100 * node.size) / total).toFixed(1) : "0.0";
  const change = chosenReport().base === null ? "" : `, ${signed(node.size - node.was)} bytes`;
  return `${node.name} ${bytes(node.size)} bytes, ${share}%${change}`;
}

function tilesOf(node) {
  const sorted = [...node.children.values()].filter((it) => it.size >= 1).sort((a, b) => b.size - a.size);
  if (sorted.length <= MOST_TILES) return sorted;
  const rest = sorted.slice(MOST_TILES);
  const size = rest.reduce((sum, it) => sum + it.size, 0), was = rest.reduce((sum, it) => sum + it.was, 0);
  const more = { name: `(${rest.length} more)`, size, was, children: new Map() };
  return [...sorted.slice(0, MOST_TILES), more].sort((a, b) => b.size - a.size);
}

function renderMap(node) {
  const map = find("map");
  const width = map.clientWidth, height = map.clientHeight;
  const tiles = tilesOf(node);
  const total = tiles.reduce((sum, it) => sum + it.size, 0);
  map.replaceChildren(...layout(tiles, total, width, height).map(([item, x, y, wide, high], index) => {
    const text = describe(item, node.size);
    const tile = element("button", { type: "button", title: text, tabIndex: index ? -1 : 0 });
    Object.assign(tile.style, {
      left: `${x}px`, top: `${y}px`, width: `${wide}px`, height: `${high}px`, background: colour(item),
    });
    if (wide > 46 && high > 20) tile.append(element("span", { textContent: item.name }));
    if (wide > 46 && high > 38) tile.append(element("span", { textContent: bytes(item.size) }));
    if (!tile.children.length) tile.setAttribute("aria-label", text);
    if (wide < 12 || high < 12) tile.style.padding = "0";
    if (item.children.size) {
      tile.classList.add("deep");
      tile.addEventListener("click", () => go([...state.path, item.name], true));
    }
    return tile;
  }));
}

function renderPath() {
  const steps = [state.root.name, ...state.path];
  find("path").replaceChildren(...steps.map((name, depth) => {
    const button = element("button", { type: "button", textContent: name });
    if (depth === steps.length - 1) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => go(state.path.slice(0, depth), true));
    return element("li", {}, button);
  }));
}

// Without a search the table has the children of what is shown; with one, all that matches below it.
function listed(node, wanted) {
  if (!wanted) return [...node.children.values()].map((it) => [it, [...state.path, it.name]]);
  const found = [];
  const visit = (it, path) => {
    for (const child of it.children.values()) {
      const place = [...path, child.name];
      if (child.name.toLowerCase().includes(wanted)) found.push([child, place]);
      visit(child, place);
    }
  };
  visit(node, state.path);
  return found;
}

const COLUMNS = [
  ["name", "name", (it) => it.name],
  ["size", "bytes", (it) => it.size],
  ["share", "share", (it) => it.size],
  ["change", "difference", (it) => it.size - it.was],
];

function renderTable(node) {
  const report = chosenReport();
  const columns = COLUMNS.filter(([key]) => key !== "change" || report.base !== null);
  find("columns").replaceChildren(...columns.map(([key, title]) => {
    const button = element("button", { type: "button", textContent: title });
    button.addEventListener("click", () => sortBy(key));
    const head = element("th", { scope: "col" }, button);
    head.setAttribute("aria-sort", state.sort === key ? (state.down ? "descending" : "ascending") : "none");
    return head;
  }));
  const value = COLUMNS.find(([key]) => key === state.sort)[2];
  const compare = (a, b) => (value(a[0]) < value(b[0]) ? -1 : value(a[0]) > value(b[0]) ? 1 : 0);
  const wanted = find("search").value.trim().toLowerCase();
  const rows = listed(node, wanted).sort((a, b) => (state.down ? compare(b, a) : compare(a, b)));
  const shown = rows.slice(0, MOST_ROWS);
  find("rows").replaceChildren(...shown.map(([it, path]) => rowOf(it, path, node, wanted, report)));
  const more = rows.length > shown.length ? `, the first ${MOST_ROWS} are shown` : "";
  find("caption").textContent = `${number.format(rows.length)} ${wanted ? "matches" : "parts"}${more}`;
}

function rowOf(it, path, node, wanted, report) {
  const text = wanted ? path.slice(state.path.length).join(" › ") : it.name;
  const name = it.children.size ? element("button", { type: "button", textContent: text }) : text;
  if (it.children.size) name.addEventListener("click", () => go(path, true));
  const share = node.size ? `${((100 * it.size) / node.size).toFixed(1)}%` : "";
  const cells = [element("th", { scope: "row" }, name), element("td", {}, bytes(it.size)), element("td", {}, share)];
  if (report.base !== null) cells.push(element("td", {}, signed(it.size - it.was)));
  return element("tr", {}, ...cells);
}

function sortBy(key) {
  state.down = state.sort === key ? !state.down : key !== "name";
  state.sort = key;
  renderTable(current());
  find("columns").querySelector(`th[aria-sort$="ending"] button`).focus();
}

function render() {
  const report = chosenReport(), node = current();
  const model = find("model").value;
  const needed = model ? `; ${model} needs ${bytes(state.root.size)} of them` : "";
  const base = report.base === null ? "" : `; ${signed(report.stripped - report.base)} bytes to the base`;
  find("summary").textContent =
    `${report.target}: ${bytes(report.stripped)} bytes installed, about ${bytes(report.download)} to download${base}${needed}.`;
  find("colouring").hidden = report.base === null;
  renderPath();
  renderMap(node);
  renderTable(node);
}

function chooseLibrary() {
  const models = new Set(chosenReport().operators.flatMap((it) => it[1]));
  fill(find("model"), [["", "all"], ...[...models].sort().map((it) => [it, it])]);
  if (chosenReport().base !== null) find("colours").value = "difference";
  rebuild(true);
}

function moveFocus(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const tiles = [...find("map").children];
  const at = tiles.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  const next = tiles[(at + step + tiles.length) % tiles.length];
  tiles[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

fill(find("library"), reports.map((it) => [it.target, it.target]));
fill(find("grouping"), Object.keys(GROUPINGS).map((it) => [it, it]));
find("choices").addEventListener("submit", (event) => event.preventDefault());
find("library").addEventListener("change", chooseLibrary);
for (const id of ["model", "measure"]) find(id).addEventListener("change", () => rebuild(true));
find("grouping").addEventListener("change", () => rebuild(false));
find("colours").addEventListener("change", () => renderMap(current()));
find("search").addEventListener("input", () => renderTable(current()));
find("map").addEventListener("keydown", moveFocus);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.path.length && event.target.id !== "search") go(state.path.slice(0, -1), true);
});
new ResizeObserver(() => renderMap(current())).observe(find("map"));
chooseLibrary();
