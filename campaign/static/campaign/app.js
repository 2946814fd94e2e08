// Comforts on top of pages that work without any script.
(() => {
  "use strict";

  // Menus close when one looks elsewhere.
  const openMenus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    openMenus().forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openMenus().forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // One search over everything, from any page: Ctrl+K, or Cmd+K on a Mac.
  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("details.menu--search");
    if (!search || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    search.open = true;
    search.querySelector("input").focus();
  });
  document.querySelector("details.menu--search")?.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.querySelector("input").focus();
  });

  // A form that was posted is not posted again by a second click; coming back by the browser frees it.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.target === "_blank" || "repeatable" in form.dataset) return;
    if (form.dataset.posted) {
      event.preventDefault();
      return;
    }
    setTimeout(() => {
      if (event.defaultPrevented) return;
      form.dataset.posted = "yes";
      form.setAttribute("aria-busy", "true");
    });
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-posted]").forEach((form) => {
      delete form.dataset.posted;
      form.removeAttribute("aria-busy");
    });
  });

  document.getElementById("form-errors")?.focus();

  // A file held over a file field shows where it would fall.
  for (const kind of ["dragenter", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.matches?.("input[type=file]")) {
        event.target.classList.toggle("is-over", kind === "dragenter");
      }
    });
  }

  // Live parts: an ended session leads to the login page instead of into the fragment; a lost server is said.
  const lost = document.getElementById("connection-lost");
  const sayLost = (isLost) => {
    if (lost) lost.hidden = !isLost;
  };
  const login = document.documentElement.dataset.login;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (login && answered.pathname === login) {
      event.detail.shouldSwap = false;
      location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
  });
  // Somebody who writes is not led away from what they wrote: they save it when they like, and it is kept then.
  let isWritten = false;
  document.addEventListener("input", (event) => {
    if (event.target.form?.method === "post") isWritten = true;
  });
  document.addEventListener("submit", () => {
    isWritten = false;
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const target = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (!isWritten || !login || !target || new URL(target, location.href).pathname !== login) return;
    event.preventDefault();
    const said = document.getElementById("signed-out");
    if (said) said.hidden = false;
  });
  document.addEventListener("htmx:afterOnLoad", () => sayLost(false));
  document.addEventListener("htmx:sendError", () => sayLost(true));
  document.addEventListener("htmx:timeout", () => sayLost(true));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status >= 500) sayLost(true);
  });
})();
