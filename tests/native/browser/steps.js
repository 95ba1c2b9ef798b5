// What a user does with the page of a size report, and what is there afterwards. `answer` puts it into the page.
function press(target, key) {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

function choose(id, value) {
  const select = document.getElementById(id);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

function search(text) {
  const input = document.getElementById("search");
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

const path = () => [...document.querySelectorAll("#path button")].map((it) => it.textContent);
const cells = () => [...document.querySelectorAll("#rows tr")].map((row) => [...row.children].map((it) => it.textContent));
const tiles = () => [...document.querySelectorAll("#map button")];

function area() {
  const map = document.getElementById("map");
  const sum = tiles().reduce((all, it) => all + parseFloat(it.style.width) * parseFloat(it.style.height), 0);
  return sum / (map.clientWidth * map.clientHeight);
}

const sum = () => cells().reduce((all, row) => all + Number(row[1].replaceAll(",", "")), 0);

async function steps() {
  const found = {};
  found.start = { path: path(), rows: cells(), area: area(), summary: document.getElementById("summary").textContent };
  const first = tiles()[0];
  first.focus();
  press(first, "ArrowRight");
  found.moved = tiles().indexOf(document.activeElement);
  tiles()[0].click();
  found.zoomed = { path: path(), focused: document.getElementById("map").contains(document.activeElement) };
  press(document.activeElement, "Escape");
  found.back = path();
  search("KERNEL_7");
  found.matches = cells().map((row) => row[0]);
  search("");
  document.querySelector("#columns button").click();
  found.sorted = cells().map((row) => row[0]);
  found.order = document.querySelector("#columns th").getAttribute("aria-sort");
  choose("grouping", "operator, file, function");
  found.operators = cells().map((row) => row[0]);
  found.installed = sum();
  choose("measure", "download");
  found.download = sum();
  choose("measure", "installed");
  choose("model", "net");
  found.needed = document.getElementById("summary").textContent;
  found.paint = performance.getEntriesByName("first-contentful-paint").map((it) => it.startTime)[0] ?? null;
  return found;
}

async function answer() {
  const found = await steps();
  if (window.axe) {
    const checked = await window.axe.run(document);
    found.axe = checked.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  }
  found.errors = window.pageErrors;
  const place = document.createElement("pre");
  place.id = "answer";
  place.textContent = JSON.stringify(found);
  document.body.append(place);
}
answer();
