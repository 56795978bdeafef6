// Two buttons of the theme call these as attributes of their HTML, which the pages' security policy
// forbids; templates/layout.html has the buttons say in words what they do.
"use strict";

const does = { print: () => window.print(), fullscreen: () => window.toggleFullScreen() };

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-press]");
  does[button?.dataset.press]?.();
});
