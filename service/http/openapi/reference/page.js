"use strict";
const search = document.getElementById("search");
const articles = [...document.querySelectorAll("article")].map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
  entry: document.querySelector(`nav li[data-for="${element.id}"]`),
}));
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { element, text, entry } of articles) {
    const fits = words.every((word) => text.includes(word));
    element.hidden = !fits;
    if (entry) entry.hidden = !fits;
    shown += fits;
  }
  document.getElementById("nothing").hidden = shown > 0;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== search) {
    event.preventDefault();
    search.focus();
  }
});
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
