// Sets the chosen colours before the page is drawn. Runs at once, not as a module.
(() => {
  const KEY = "athanor-theme";
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // A browser that stores nothing follows the system.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;

  const NEXT = { "": "light", light: "dark", dark: "" };
  const WORDS = { "": "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };

  function show(button) {
    const now = document.documentElement.dataset.theme ?? "";
    button.querySelector("[data-word]").textContent = WORDS[now];
    button.hidden = false;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    show(button);
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const next = NEXT[root.dataset.theme ?? ""];
      if (next) root.dataset.theme = next;
      else delete root.dataset.theme;
      try {
        if (next) localStorage.setItem(KEY, next);
        else localStorage.removeItem(KEY);
      } catch {
        // It holds for this page then.
      }
      show(button);
      document.dispatchEvent(new CustomEvent("athanor:theme"));
    });
  });
})();
