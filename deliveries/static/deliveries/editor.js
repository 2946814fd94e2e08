// The editor's live preview, and what is written and not saved yet.
(() => {
  "use strict";
  const form = document.getElementById("write");
  if (!form) return;

  // A sender chosen from the list fills in what it is called and where replies go; both can be typed over.
  form.querySelector("select[name=sender]")?.addEventListener("change", (event) => {
    const said = event.target.selectedOptions[0]?.dataset ?? {};
    if (!said.fromAddress) return;
    for (const [name, value] of [["from_name", said.fromName], ["from_address", said.fromAddress], ["reply_to", said.replyTo]]) {
      form.elements[name].value = value;
    }
    form.elements.from_address.dispatchEvent(new Event("input", { bubbles: true }));
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
  // The last words before a window closes or the telephone is put away are kept too.
  const keeps = document.getElementById("draft")?.dataset.keeps;
  document.addEventListener("visibilitychange", () => {
    if (dirty && keeps && document.visibilityState === "hidden") navigator.sendBeacon(keeps, new FormData(form));
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });
})();
