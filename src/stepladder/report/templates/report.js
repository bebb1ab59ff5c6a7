"use strict";
// Pointing at one arm of a figure dims the others; a click keeps it so.
for (const drawing of document.querySelectorAll("figure svg")) {
  const parts = [...drawing.querySelectorAll("[data-arm]")];
  if (new Set(parts.map(part => part.dataset.arm)).size < 2) continue;
  let kept = null;
  const show = arm => parts.forEach(part => {
    part.style.opacity = arm === null || part.dataset.arm === arm ? "" : "0.12";
  });
  for (const part of parts) {
    part.style.cursor = "pointer";
    part.addEventListener("mouseenter", () => show(part.dataset.arm));
    part.addEventListener("mouseleave", () => show(kept));
    part.addEventListener("click", () => show(kept = kept === part.dataset.arm ? null : part.dataset.arm));
  }
}
