// What widgets do not do by themselves: names for screen readers, the page's theme, the pointer on
// a picture, and where a hand is about to put a slider. SCREEN is the class of one screen. All is
// sent through hidden text fields: without this script a screen lacks these four, nothing else.
(() => {
  const SETTLED_MS = 30;  // a hand that means a place stays there for longer before it clicks

  const send = (root, name, value) => {
    const field = root.querySelector(`.codomyrmex-${name} input`);
    if (!field || field.value === value) return;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const label = (root) => {
    for (const row of root.querySelectorAll(".widget-inline-hbox")) {
      const name = row.querySelector(".widget-label")?.textContent.trim();
      const handles = row.querySelectorAll(".noUi-handle");
      handles.forEach((handle, index) => {
        const end = handles.length > 1 ? [", from", ", to"][index] : "";
        if (name && !handle.hasAttribute("aria-label")) {
          handle.setAttribute("aria-label", name + end);
        }
      });
    }
  };

  // Tell where a click would put the handle of a slider, or where it stands if x is undefined.
  const tellAim = (root, track, x) => {
    const handle = track.querySelector(".noUi-handle");
    const [least, most, now] = ["min", "max", "now"].map((end) =>
      Number(handle.getAttribute(`aria-value${end}`)));
    const box = track.querySelector(".noUi-base").getBoundingClientRect();
    const share = x === undefined ? (now - least) / (most - least) : (x - box.left) / box.width;
    const place = Math.round(Math.min(Math.max(share, 0), 1) * (most - least));
    send(root, "aim", `${handle.getAttribute("aria-label")}|${place}|${performance.now()}`);
  };

  const followAim = (root) => {
    let settled = 0;
    const settle = (track, x) => {
      clearTimeout(settled);
      if (track) settled = setTimeout(() => tellAim(root, track, x), SETTLED_MS);
    };
    const trackOf = (element) => element.closest(".noUi-target:not([disabled])");
    root.addEventListener("pointermove", (event) => {
      settle(event.buttons ? null : trackOf(event.target), event.clientX);
    });
    root.addEventListener("pointerdown", () => settle(null));
    root.addEventListener("focusin", (event) => {
      if (event.target.matches(".noUi-handle:focus-visible")) settle(trackOf(event.target));
    });
  };

  const tellTheme = (root) => {
    const light = document.body.dataset.jpThemeLight;
    if (light !== undefined) send(root, "theme", light === "false" ? "dark" : "light");
  };

  // Held weakly: a cell out of view is detached and comes back, a closed one is gone for good.
  const followTheme = (held) => {
    const theme = new MutationObserver(() => {
      const root = held.deref();
      if (root) tellTheme(root);
      else theme.disconnect();
    });
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  };

  const follow = (root) => {
    if (root.dataset.codomyrmex) return;
    root.dataset.codomyrmex = "followed";
    label(root);
    tellTheme(root);
    const filled = new MutationObserver(() => {  // fields and sliders may come after their screen
      label(root);
      tellTheme(root);
    });
    filled.observe(root, { childList: true, subtree: true });
    followTheme(new WeakRef(root));
    followAim(root);
    let from = null;
    const place = (event) => {
      const box = event.target.getBoundingClientRect();
      const share = (at, start, size) => Math.min(Math.max((at - start) / size, 0), 1).toFixed(4);
      return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
    };
    root.addEventListener("pointerdown", (event) => {
      if (event.target.matches("img.codomyrmex-picture")) from = place(event);
    });
    root.addEventListener("pointerup", (event) => {
      if (from && event.target.matches("img.codomyrmex-picture")) {
        send(root, "pointer", [...from, ...place(event), performance.now().toFixed(0)].join(" "));
      }
      from = null;
    });
  };

  let tries = 0;
  const look = () => {
    const roots = document.querySelectorAll(".SCREEN");
    roots.forEach(follow);
    if (!roots.length && ++tries < 600) requestAnimationFrame(look);
  };
  look();
})();
