// The racks: a link for each node, whose class says where it stands. After a change only
// the links of nodes that stand elsewhere now are touched.
const fleet = document.getElementById("fleet");
const pointed = document.getElementById("pointed");
const hint = pointed.textContent;
const words = {f: "failed", m: "moving", c: "configuring", s: "stable", o: "off", u: "unknown"};

let links, codes, names, rows, rowOf;

function begin() {
  links = [...fleet.querySelectorAll(".chassis a")];
  codes = fleet.dataset.codes;
  names = fleet.dataset.names;
  rows = null;
  // One stop for the tab key; arrow keys go on from there.
  for (const a of links) a.tabIndex = -1;
  if (links[0]) links[0].tabIndex = 0;
}

function nameOf(link) {
  return decodeURIComponent(link.getAttribute("href").slice("/nodes/".length));
}

fleet.addEventListener("renewed", e => {
  const fresh = e.detail;
  if (fresh.dataset.names !== names) { // other nodes, or none
    fleet.replaceChildren(...[...fresh.childNodes].map(n => document.importNode(n, true)));
    begin();
    return;
  }
  const now = fresh.dataset.codes;
  const racks = new Set();
  for (let i = 0; i < links.length; i++) {
    if (now[i] === codes[i]) continue;
    const link = links[i];
    link.className = now[i];
    link.setAttribute("aria-label", nameOf(link) + " " + words[now[i]]);
    racks.add(link.closest(".rack"));
  }
  codes = now;
  for (const rack of racks) {
    const n = rack.getElementsByClassName("f").length;
    rack.querySelector(".wrong").textContent = n > 0 ? n + " failed" : "";
  }
});

function point(link) {
  pointed.textContent = link ? link.getAttribute("aria-label") : hint;
}

fleet.addEventListener("mouseover", e => point(e.target.closest(".chassis a")));
fleet.addEventListener("focusin", e => {
  const link = e.target.closest(".chassis a");
  point(link);
  if (!link) return; // the name of a rack
  for (const a of fleet.querySelectorAll('a[tabindex="0"]')) a.tabIndex = -1;
  link.tabIndex = 0;
});

// go is where a key leads from a link: beside it, or to the same place of the chassis
// above or below.
function go(link, key) {
  const i = links.indexOf(link);
  switch (key) {
  case "ArrowRight": return links[i + 1];
  case "ArrowLeft": return links[i - 1];
  case "Home": return links[0];
  case "End": return links[links.length - 1];
  case "ArrowDown": return inRow(link, 1);
  case "ArrowUp": return inRow(link, -1);
  }
}

function inRow(link, step) {
  if (!rows) {
    rows = [...fleet.querySelectorAll(".chassis")].map(c => [...c.querySelectorAll("a")]);
    rowOf = new Map(rows.flatMap((row, r) => row.map(a => [a, r])));
  }
  const r = rowOf.get(link);
  const next = rows[r + step];
  return next && next[Math.min(rows[r].indexOf(link), next.length - 1)];
}

fleet.addEventListener("keydown", e => {
  const link = e.target.closest(".chassis a");
  const next = link && !e.ctrlKey && !e.altKey && !e.metaKey && go(link, e.key);
  if (!next) return;
  e.preventDefault();
  next.focus();
});

begin();
