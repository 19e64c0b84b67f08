// Live parts of pages. Everything works without this file; it only saves reloading.
"use strict";

for (const part of document.querySelectorAll("[data-live]")) {
  let source = null;

  const show = (event) => {
    // Nobody's focus or selection is taken away.
    const selection = document.getSelection();
    const isInUse =
      part.contains(document.activeElement) ||
      (!selection.isCollapsed && part.contains(selection.anchorNode));
    if (!isInUse) {
      part.innerHTML = event.data;
    }
  };

  const follow = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (source === null) {
      source = new EventSource(part.dataset.live);
      source.onmessage = show;
      source.onopen = () => part.classList.remove("stale");
      source.onerror = () => part.classList.add("stale");
    }
  };

  document.addEventListener("visibilitychange", follow);
  follow();
}
