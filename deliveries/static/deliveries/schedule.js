// What belongs to a kind of schedule shows only while it is chosen; a new delivery begins with the browser's own zone.
(() => {
  "use strict";
  const parts = document.querySelectorAll("[data-when]");
  const kinds = document.querySelectorAll("input[name=schedule_kind]");
  if (!parts.length || !kinds.length) return;
  const form = parts[0].closest("form");
  const chosen = (name) => form.querySelector(`input[name=${name}]:checked`)?.value ?? "";
  const named = (name) => form.querySelector(`[name=${name}]`)?.value ?? "";
  const showOnly = (attribute, value) => {
    form.querySelectorAll(`[data-${attribute}]`).forEach((part) => {
      part.hidden = part.getAttribute(`data-${attribute}`) !== value;
    });
  };
  const show = () => {
    const kind = chosen("schedule_kind");
    const undated = kind === "waves" && named("wave_start") !== "at_date";
    parts.forEach((part) => {
      const fits = part.dataset.when.split(" ");
      part.hidden = !fits.includes(kind) || (undated && fits.includes("at_date"));
    });
    showOnly("unit", named("unit_of_time"));
    showOnly("month", chosen("month_by"));
    showOnly("end", named("ends"));
    const ends = form.querySelector("[data-ends]");
    if (ends) ends.hidden = named("unit_of_time") === "OWN";
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
