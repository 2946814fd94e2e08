// What the desk's packages leave without a name for those who don't see it: searched choices and filters of lists.
(() => {
  "use strict";
  let number = 0;
  const named = (label) => (label.id ||= `desk-label-${(number += 1)}`);

  // A searched choice is named by the label of the field that it stands for.
  const nameChoice = (field) => {
    const box = field.nextElementSibling?.querySelector?.(".select2-selection");
    const label = field.labels?.[0];
    if (!box || !label) return;
    const shown = box.querySelector("[id^='select2-']");
    box.setAttribute("aria-labelledby", [named(label), shown?.id].filter(Boolean).join(" "));
    if (shown?.getAttribute("role") === "textbox") shown.setAttribute("aria-labelledby", named(label));
  };
  const nameAll = (within) => {
    within.querySelectorAll("select.select2-hidden-accessible").forEach(nameChoice);
    within.querySelectorAll(".help-tooltip[aria-label]:not([role])").forEach((icon) => icon.setAttribute("role", "img"));
  };

  // Filters of lists are drawn at the same event, by whoever listens later: so a moment after it.
  addEventListener("load", () => setTimeout(() => nameAll(document)));
  document.addEventListener("formset:added", (event) => setTimeout(() => nameAll(event.target)));
})();
