// The editor's live preview, and what is written and not saved yet.
(() => {
  "use strict";
  const form = document.getElementById("write");
  if (!form) return;
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
