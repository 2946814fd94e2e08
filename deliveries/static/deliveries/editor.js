// A field chosen from the list is put where the caret was last; without a script it can be copied.
(() => {
  "use strict";
  const form = document.getElementById("write");
  if (!form) return;
  const fits = (element) => element.matches?.("#id_subject, #id_preheader, #id_from_name, #id_html, #id_text");
  // Whoever was quicker than this script stands in a field already.
  let last = fits(document.activeElement) ? document.activeElement : document.getElementById("id_html");
  form.addEventListener("focusin", (event) => {
    if (fits(event.target)) last = event.target;
  });
  form.addEventListener("click", (event) => {
    const token = event.target.closest("[data-insert]");
    if (!token || !last) return;
    last.focus();
    last.setRangeText(token.dataset.insert, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // The frame of the live preview is a page of its own, which gets what stands in the form.
  document.addEventListener("htmx:afterSettle", () => {
    const frame = document.querySelector("#preview iframe[data-posts]");
    if (!frame) return;
    const post = document.createElement("form");
    post.method = "post";
    post.action = frame.dataset.posts;
    post.target = frame.name;
    post.hidden = true;
    for (const [name, value] of new FormData(form)) {
      const field = document.createElement("textarea");
      field.name = name;
      field.value = value;
      if (typeof value === "string") post.append(field);
    }
    frame.removeAttribute("data-posts");
    document.body.append(post);
    post.submit();
    post.remove();
  });

  // Unsaved words are not lost by a careless click.
  let dirty = false;
  form.addEventListener("input", () => {
    dirty = true;
  });
  form.addEventListener("submit", () => {
    dirty = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });
})();
