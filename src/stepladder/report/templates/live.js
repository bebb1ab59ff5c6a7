"use strict";
// Shows a page again as soon as it has changed; sorts, groups and pairs the rows of a list of runs.
let tag = "", sorted = -1, rises = true, grouped = false, picked = [];

function arrange() {
  const table = document.querySelector("table.runs");
  if (!table) return;
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      rises = sorted === column ? !rises : true;
      sorted = column;
      sort(body);
      mark(heads);
    });
    head.replaceChildren(button);
  });
  const tools = document.querySelector(".tools");
  const group = document.createElement("button"), pair = document.createElement("span");
  group.textContent = "Group by study";
  group.setAttribute("aria-pressed", grouped);
  group.addEventListener("click", () => {
    grouped = !grouped;
    group.setAttribute("aria-pressed", grouped);
    sort(body);
  });
  pair.setAttribute("role", "status");
  tools.replaceChildren(group, pair);
  for (const row of body.querySelectorAll("[data-compared]")) pick(row, pair);
  show(pair);
  sort(body);
  mark(heads);
}

function mark(heads) {
  heads.forEach((head, column) => head.setAttribute(
    "aria-sort", column !== sorted ? "none" : rises ? "ascending" : "descending"));
}

function sort(body) {
  body.querySelectorAll(".group").forEach(row => row.remove());
  const words = new Intl.Collator("en", {numeric: true}).compare;
  const order = (one, two) => one - two || words(one, two);
  const value = row => sorted < 0 ? "" : row.cells[sorted].dataset.value;
  const rows = [...body.rows].sort((one, two) =>
    (grouped ? order(one.dataset.study, two.dataset.study) : 0) ||
    (rises ? 1 : -1) * order(value(one), value(two)));
  let study = null;
  for (const row of rows) {
    if (grouped && row.dataset.study !== study) {
      study = row.dataset.study;
      const head = body.insertRow(), cell = document.createElement("th");
      head.className = "group";
      cell.colSpan = row.cells.length;
      cell.scope = "rowgroup";
      cell.textContent = study;
      head.append(cell);
    }
    body.append(row);
  }
}

function pick(row, pair) {
  const box = document.createElement("input"), run = row.dataset.compared;
  box.type = "checkbox";
  box.checked = picked.some(one => one.run === run);
  const name = row.cells[0].dataset.value;
  box.setAttribute("aria-label", `compare ${name}`);
  box.addEventListener("change", () => {
    picked = picked.filter(one => one.run !== run);
    if (box.checked) picked.push({run, name});
    show(pair);
  });
  row.cells[0].prepend(box, " ");
}

function show(pair) {
  pair.textContent = picked.length ? "Choose two runs to compare them." : "";
  if (picked.length !== 2) return;
  const link = document.createElement("a");
  link.href = `compare/${picked[0].run}/${picked[1].run}`;
  link.textContent = `Compare ${picked[0].name} with ${picked[1].name}`;
  pair.replaceChildren(link);
}

async function update() {
  try {
    const answer = await fetch(location.href, {headers: {"If-None-Match": tag}, cache: "no-store"});
    if (answer.status !== 304) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main[data-live]");
      if (!fresh) return location.reload();  // it is finished: the report has taken its place
      if (tag || fresh.innerHTML !== first) {
        const open = [...document.querySelectorAll("details")].map(one => one.open);
        document.querySelector("main").replaceWith(fresh);
        document.querySelectorAll("details").forEach((one, place) => { one.open = open[place]; });
        arrange();
      }
      tag = answer.headers.get("ETag") || "";
    }
  } catch { /* the server is away: the page stays as it is */ }
  setTimeout(update, 800);
}

const first = document.querySelector("main").innerHTML;
arrange();
update();
