// A field of the recipient is put where the caret was last in the chosen part, with words for whoever has no value.
(() => {
  "use strict";
  const form = document.getElementById("write");
  const target = document.getElementById("insert-into");
  const fallback = document.getElementById("insert-fallback");
  if (!form || !target || !fallback) return;
  document.getElementById("insert-how").hidden = false;
  const part = (id) => document.getElementById(id);
  const isPart = (element) => [...target.options].some((option) => option.value === element?.id);

  // Whoever writes or points somewhere means that part; Tab alone only passes through.
  for (const kind of ["input", "pointerup"]) {
    form.addEventListener(kind, (event) => {
      if (isPart(event.target)) target.value = event.target.id;
    });
  }
  if (isPart(document.activeElement)) target.value = document.activeElement.id;

  const quoted = (text) => `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
  const token = (button) => {
    const words = fallback.value.trim();
    const field = button.dataset.field;
    return field && words ? `{{ ${field}|default(${quoted(words)}) }}` : button.dataset.insert;
  };
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    const into = button && part(button.dataset.into ?? target.value);
    if (!into) return;
    const insert = new CustomEvent("sinete:insert", { detail: token(button), cancelable: true });
    if (!into.dispatchEvent(insert)) return; // the editor with colours has put it where its caret is
    into.focus();
    into.setRangeText(token(button), into.selectionStart, into.selectionEnd, "end");
    into.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // Enter in the words for whoever has no value must not save the content.
  fallback.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
})();
