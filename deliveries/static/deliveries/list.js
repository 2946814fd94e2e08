// The list refreshes itself; what was chosen in it stays chosen, so meanwhile it stands still.
(() => {
  "use strict";
  document.addEventListener("htmx:beforeRequest", (event) => {
    const rows = event.target.closest?.("#rows");
    if (rows && (rows.querySelector("input:checked") || rows.contains(document.activeElement))) event.preventDefault();
  });
})();
