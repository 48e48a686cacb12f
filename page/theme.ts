/** Light, dark, or what the system asks for: chosen in the page's head. */

export function onThemeChange(changed: () => void): void {
  for (const choice of document.querySelectorAll<HTMLInputElement>('input[name="theme"]')) {
    choice.addEventListener("change", () => {
      if (choice.value === "auto") delete document.documentElement.dataset["theme"];
      else document.documentElement.dataset["theme"] = choice.value;
      changed();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

/** A colour of the style sheet, as a canvas takes it: resolved for the theme of now. */
export function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
