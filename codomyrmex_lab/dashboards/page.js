// What widgets do not do by themselves: names and values for screen readers, keys that stay in the
// screen, numbers typed beside a slider, the page's theme, the pointer on a picture, and where a
// hand is about to put a slider. SCREEN is the class of one screen. What the kernel is to know is
// sent through hidden text fields: without this script a screen lacks these, nothing else.
(() => {
  const SETTLED_MS = 30;  // a hand that means a place stays there for longer before it clicks

  const send = (root, name, value) => {
    const field = root.querySelector(`.codomyrmex-${name} input`);
    if (!field || field.value === value) return;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const sendNew = (root, name, ...parts) => send(root, name, [...parts, performance.now()].join("|"));

  // -- words for screen readers --------------------------------------------------------------

  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const nameOf = (row) => row.querySelector(".widget-label")?.textContent.trim();

  const labelSlider = (row, name) => {
    const handles = row.querySelectorAll(".noUi-handle");
    const readout = row.querySelector(".widget-readout");
    const disabled = row.querySelector(".noUi-target")?.hasAttribute("disabled");
    const values = readout ? readout.textContent.split(" – ") : [];
    handles.forEach((handle, index) => {
      set(handle, "aria-label", name + (handles.length > 1 ? [", from", ", to"][index] : ""));
      set(handle, "aria-disabled", String(disabled));
      set(handle, "tabindex", disabled ? "-1" : "0");
      if (values.length === handles.length) set(handle, "aria-valuetext", values[index]);
    });
    if (handles.length && readout) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${name}, typed`);
    }
  };

  const label = (root) => {
    for (const row of root.querySelectorAll(".widget-inline-hbox")) {
      const name = nameOf(row);
      if (name) labelSlider(row, name);
      const bar = row.querySelector(".progress-bar");
      if (!bar) continue;
      set(bar, "role", "progressbar");
      set(bar, "aria-label", name || "progress");
      set(bar, "aria-valuenow", parseFloat(bar.style.width || "0").toFixed(0));
    }
  };

  // -- keys ----------------------------------------------------------------------------------

  // The notebook takes plain keys for commands: "x" on a slider would cut the cell.
  const keepKeys = (root) => root.addEventListener("keydown", (event) => {
    const runs = event.shiftKey && event.key === "Enter";
    const leaves = event.ctrlKey || event.metaKey || event.altKey || runs || event.key === "Escape";
    if (!leaves) event.stopPropagation();
  });

  // Sliders of positions let a number be typed, and then forget it.
  const followTyping = (root) => {
    let before = null;
    const readoutOf = (event) => event.target.closest(".codomyrmex-positions .widget-readout");
    const take = (readout) => {
      const typed = readout.textContent.trim();
      if (before === null || typed === before) return;
      readout.textContent = before;
      sendNew(root, "typed", nameOf(readout.closest(".widget-inline-hbox")), typed);
    };
    root.addEventListener("focusin", (event) => {
      before = readoutOf(event)?.textContent.trim() ?? null;
    });
    root.addEventListener("focusout", (event) => readoutOf(event) && take(readoutOf(event)));
    root.addEventListener("keydown", (event) => {
      const readout = readoutOf(event);
      if (!readout || event.key !== "Enter") return;
      event.preventDefault();
      take(readout);
      readout.blur();
    }, true);
  };

  // -- where a hand is about to put a slider --------------------------------------------------

  // Tell where a click would put the handle, or where it stands if x is undefined.
  const tellAim = (root, track, x) => {
    const handle = track.querySelector(".noUi-handle");
    const [least, most, now] = ["min", "max", "now"].map((end) =>
      Number(handle.getAttribute(`aria-value${end}`)));
    const box = track.querySelector(".noUi-base").getBoundingClientRect();
    const share = x === undefined ? (now - least) / (most - least) : (x - box.left) / box.width;
    const place = Math.round(Math.min(Math.max(share, 0), 1) * (most - least));
    sendNew(root, "aim", handle.getAttribute("aria-label"), place);
  };

  const followAim = (root) => {
    let settled = 0;
    const settle = (track, x) => {
      clearTimeout(settled);
      if (track) settled = setTimeout(() => tellAim(root, track, x), SETTLED_MS);
    };
    const trackOf = (element) => element.closest(".noUi-target:not([disabled])");
    root.addEventListener("pointermove", (event) => {
      const x = Math.floor(event.clientX);  // as the slider will be told of the press
      settle(event.buttons ? null : trackOf(event.target), x);
    });
    root.addEventListener("pointerdown", () => settle(null));
    root.addEventListener("focusin", (event) => {
      if (event.target.matches(".noUi-handle:focus-visible")) settle(trackOf(event.target));
    });
  };

  // -- the pointer on a picture ---------------------------------------------------------------

  const clamped = (value, least, most) => Math.min(Math.max(value, least), most);

  const placeIn = (box, area, event) => [
    clamped((event.clientX - box.left) / box.width, area[0], area[2]),
    clamped((event.clientY - box.top) / box.height, area[1], area[3]),
  ];

  // A drag that begins in the part to brush stays there, and is shown as a band over its height.
  const brushedPart = (picture, box, event) => {
    const part = (picture.dataset.brush || "0 0 0 0").split(" ").map(Number);
    const [x, y] = placeIn(box, [0, 0, 1, 1], event);
    return part[0] <= x && x <= part[2] && part[1] <= y && y <= part[3] ? part : null;
  };

  const bandOver = (box, part) => {
    const band = document.body.appendChild(document.createElement("div"));
    band.className = "codomyrmex-band";
    Object.assign(band.style, {
      position: "fixed", pointerEvents: "none", zIndex: 1000,
      background: "#56b4e955", outline: "1px solid #0072b2",
      top: `${box.top + part[1] * box.height}px`, height: `${(part[3] - part[1]) * box.height}px`,
    });
    return band;
  };

  const followDrag = (root, event) => {
    const box = event.target.getBoundingClientRect();
    const brushed = brushedPart(event.target, box, event);
    const area = brushed || [0, 0, 1, 1];
    const from = placeIn(box, area, event);
    const band = brushed && bandOver(box, brushed);
    const over = new AbortController();
    const listen = (kind, what) => document.addEventListener(kind, what, { signal: over.signal });
    const end = () => {
      over.abort();
      band?.remove();
    };
    listen("pointermove", (event) => {
      if (!band) return;
      const [x] = placeIn(box, area, event);
      band.style.left = `${box.left + Math.min(x, from[0]) * box.width}px`;
      band.style.width = `${Math.abs(x - from[0]) * box.width}px`;
    });
    listen("pointercancel", end);
    listen("pointerup", (event) => {
      end();
      const places = [...from, ...placeIn(box, area, event)].map((one) => one.toFixed(4));
      sendNew(root, "pointer", ...places);
    });
  };

  const followDrags = (root) => root.addEventListener("pointerdown", (event) => {
    if (event.target.matches("img.codomyrmex-picture")) followDrag(root, event);
  });

  // -- the page's theme -----------------------------------------------------------------------

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
    const attributes = ["aria-valuetext", "disabled"];  // which a slider sets in its own way
    filled.observe(root, { childList: true, subtree: true, attributeFilter: attributes });
    followTheme(new WeakRef(root));
    for (const one of [keepKeys, followTyping, followAim, followDrags]) one(root);
  };

  let tries = 0;
  const look = () => {
    const roots = document.querySelectorAll(".SCREEN");
    roots.forEach(follow);
    if (!roots.length && ++tries < 600) requestAnimationFrame(look);
  };
  look();
})();
