// The date and its zone show only where they are asked for; a new delivery begins with the browser's own zone.
(() => {
  "use strict";
  const part = document.querySelector("[data-when-at-date]");
  const kinds = document.querySelectorAll("input[name=schedule_kind]");
  if (!part || !kinds.length) return;
  const show = () => {
    part.hidden = document.querySelector("input[name=schedule_kind]:checked")?.value !== "at_date";
  };
  kinds.forEach((kind) => kind.addEventListener("change", show));
  show();

  const zone = document.querySelector("form[data-new] select[name=time_zone]");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.getElementById("form-errors") && zone.querySelector(`option[value="${CSS.escape(own)}"]`)) {
    zone.value = own;
  }
})();
