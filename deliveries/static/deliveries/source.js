// HTML with colours and line numbers, by Ace from the installed package django-ace: on request, and remembered.
// The text itself stays in its field, which is what is saved, previewed and read without a script.
(() => {
  "use strict";
  const field = document.querySelector("textarea[data-source]") ?? document.getElementById("id_html");
  const said = document.getElementById("source")?.dataset;
  if (!field || !said) return;
  const REMEMBERED = "sinete.source";
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn--small source__toggle";
  button.setAttribute("aria-pressed", "false");
  button.textContent = said.label;
  field.before(button);
  let editor = null;

  const load = (address) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: address, async: false, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  const style = (address) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address });
    document.head.append(link);
  };
  let loaded = null;
  const library = () => {
    loaded ??= (async () => {
      [said.css, said.cssLight, said.cssDark].forEach(style);
      await load(said.ace);
      window.ace.config.set("useStrictCSP", true);
      await Promise.all([said.mode, said.themeLight, said.themeDark].map(load));
    })();
    return loaded;
  };
  const theme = () => editor?.setTheme(isDark.matches ? "ace/theme/github_dark" : "ace/theme/github_light_default");
  isDark.addEventListener("change", theme);

  const open = async () => {
    await library();
    if (editor) return;
    const place = document.createElement("div");
    place.className = "source";
    field.after(place);
    editor = window.ace.edit(place, {
      mode: "ace/mode/django",
      value: field.value,
      useWorker: false,
      showPrintMargin: false,
      minLines: 22,
      maxLines: 40,
      tabSize: 2,
      useSoftTabs: true,
      fontSize: 13,
      enableKeyboardAccessibility: true,
      textInputAriaLabel: said.name,
    });
    theme();
    field.hidden = true;
    editor.session.on("change", () => {
      if (field.value === editor.getValue()) return;
      field.value = editor.getValue();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    editor.on("focus", () => field.dispatchEvent(new FocusEvent("focusin", { bubbles: true })));
  };
  const close = () => {
    if (!editor) return;
    const place = editor.container;
    editor.destroy();
    place.remove();
    editor = null;
    field.hidden = false;
  };
  // What another script puts into the field stands in the editor too; a field to insert comes where its caret is.
  field.addEventListener("input", () => {
    if (editor && editor.getValue() !== field.value) editor.setValue(field.value, 1);
  });
  field.addEventListener("sinete:insert", (event) => {
    if (!editor) return;
    event.preventDefault();
    editor.insert(event.detail);
    editor.focus();
  });

  const show = async (isOn) => {
    try {
      await (isOn ? open() : close());
    } catch {
      close(); // a file was not to be had: the field is there as ever
      isOn = false;
    }
    button.setAttribute("aria-pressed", String(isOn));
  };
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    try {
      localStorage.setItem(REMEMBERED, isOn ? "yes" : "no");
    } catch {
      // it is not remembered where nothing may be kept
    }
    show(isOn);
  });
  try {
    if (localStorage.getItem(REMEMBERED) === "yes") show(true);
  } catch {
    // as above
  }
})();
