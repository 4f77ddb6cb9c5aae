"use strict";
// Without scripts the drawing still shows; what only a script can do then stays hidden.
document.documentElement.classList.add("ready");
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const drawing = one("svg.stack"), cards = all(".card"), wires = all("[data-ends]");
const search = one("input"), told = one("output"), details = one("aside");
let chosen = null;

const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));

function show() {
  const wanted = search.value.trim().toLowerCase();
  const lit = new Set();
  if (chosen) {
    lit.add(chosen.dataset.node);
    chosen.dataset.peers.split(" ").filter(Boolean).forEach((name) => lit.add(name));
  } else {
    cards.filter((card) => words.get(card).includes(wanted)).forEach((card) => lit.add(card.dataset.node));
  }
  const narrowed = chosen !== null || wanted !== "";
  cards.forEach((card) => {
    card.classList.toggle("faded", narrowed && !lit.has(card.dataset.node));
    card.classList.toggle("chosen", card === chosen);
  });
  wires.forEach((wire) => {
    const ends = wire.dataset.ends.split(" ");
    const kept = chosen ? ends.includes(chosen.dataset.node) : ends.some((end) => lit.has(end));
    wire.classList.toggle("faded", narrowed && !kept);
  });
  details.textContent = chosen ? chosen.querySelector("title").textContent : "";
  told.textContent = wanted && !chosen ? `${lit.size} of ${cards.length}` : "";
}

function choose(card) {
  chosen = chosen === card ? null : card;
  show();
}

search.addEventListener("input", () => { chosen = null; show(); });
cards.forEach((card) => {
  card.addEventListener("click", (event) => { event.stopPropagation(); choose(card); });
  card.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(card); }
  });
});
document.addEventListener("click", (event) => { if (chosen && event.target.closest("main")) choose(chosen); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { chosen = null; search.value = ""; show(); }
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
});
one("#size").addEventListener("click", (event) => {
  const fits = one("main").classList.toggle("fit");
  event.target.textContent = fits ? "Actual size" : "Fit to window";
});
one("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.classList.contains("dark") ||
    (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  [root, drawing].forEach((element) => {
    element.classList.toggle("dark", !dark);
    element.classList.toggle("light", dark);
  });
});
