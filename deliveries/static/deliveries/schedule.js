// What a kind of schedule asks for shows only where it is chosen; a new delivery begins with the browser's own zone.
(() => {
  "use strict";
  const kinds = document.querySelectorAll("input[name=schedule_kind]");
  const dated = document.querySelector("[data-when-dated]");
  if (!dated || !kinds.length) return;
  const form = dated.closest("form");
  const chosen = (name) => form.querySelector(`input[name=${name}]:checked`)?.value ?? "";
  const named = (name) => form.querySelector(`[name=${name}]`)?.value ?? "";
  const showOnly = (attribute, value) => {
    form.querySelectorAll(`[data-${attribute}]`).forEach((part) => {
      part.hidden = part.getAttribute(`data-${attribute}`) !== value;
    });
  };
  const show = () => {
    const kind = chosen("schedule_kind");
    form.querySelector("[data-when-at-date]").hidden = kind !== "at_date";
    dated.hidden = kind !== "at_date" && kind !== "recurring";
    const recurring = form.querySelector("[data-when-recurring]");
    if (recurring) recurring.hidden = kind !== "recurring";
    const unit = named("unit_of_time");
    showOnly("unit", unit);
    showOnly("month", chosen("month_by"));
    showOnly("end", named("ends"));
    const ends = form.querySelector("[data-ends]");
    if (ends) ends.hidden = unit === "OWN";
  };
  form.addEventListener("change", show);
  show();
  // The next runs depend on the zone too, which stands outside of the sentence.
  const tell = () => document.body.dispatchEvent(new Event("recurring"));
  form.querySelector("select[name=time_zone]")?.addEventListener("change", tell);
  kinds.forEach((kind) => kind.addEventListener("change", tell));

  const zone = document.querySelector("form[data-new] select[name=time_zone]");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.getElementById("form-errors") && zone.querySelector(`option[value="${CSS.escape(own)}"]`)) {
    zone.value = own;
  }
})();
