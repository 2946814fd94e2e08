// What belongs to a kind of schedule shows only while it is chosen; a new delivery begins with the browser's own zone.
(() => {
  "use strict";
  const parts = document.querySelectorAll("[data-when]");
  const kinds = document.querySelectorAll("input[name=schedule_kind]");
  const start = document.querySelector("select[name=wave_start]");
  if (!parts.length || !kinds.length) return;
  const show = () => {
    const kind = document.querySelector("input[name=schedule_kind]:checked")?.value;
    const undated = kind === "waves" && start?.value !== "at_date";
    parts.forEach((part) => {
      const fits = part.dataset.when.split(" ");
      part.hidden = !fits.includes(kind) || (undated && fits.includes("at_date"));
    });
  };
  kinds.forEach((kind) => kind.addEventListener("change", show));
  start?.addEventListener("change", show);
  show();

  const zone = document.querySelector("form[data-new] select[name=time_zone]");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.getElementById("form-errors") && zone.querySelector(`option[value="${CSS.escape(own)}"]`)) {
    zone.value = own;
  }
})();
