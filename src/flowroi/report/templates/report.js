"use strict";

/* Tables: a click on a header sorts by that column; what has no value stays at the end. */
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], descending));
      body.append(...rows);
    });
  });
}

function compare(a, b, descending) {
  const absent = (cell) => cell.dataset.value === "";
  if (absent(a) || absent(b)) return absent(a) - absent(b);
  const numbers = [a, b].every((cell) => cell.dataset.value !== undefined);
  const order = numbers
    ? Number(a.dataset.value) - Number(b.dataset.value) || 0
    : a.textContent.localeCompare(b.textContent, "en", { numeric: true });
  return descending ? -order : order;
}

/* Pictures: a click shows them large. */
const dialog = document.querySelector("#enlarged");
for (const button of document.querySelectorAll("button.enlarge")) {
  button.addEventListener("click", () => {
    const small = button.querySelector("img");
    const large = dialog.querySelector("img");
    const pixels = button.classList.contains("pixels");
    const caption = button.parentElement.querySelector("figcaption, .name");
    large.src = small.src;
    large.alt = small.alt;
    large.width = pixels ? 4 * small.naturalWidth : small.naturalWidth;
    large.height = pixels ? 4 * small.naturalHeight : small.naturalHeight;
    large.parentElement.classList.toggle("pixels", pixels);
    dialog.querySelector("p").textContent = caption.textContent;
    dialog.showModal();
  });
}
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.querySelector("img").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

/* Comparisons. The divider keeps its place in the window while the frame moves under it. */
for (const slider of document.querySelectorAll("figure.slider")) {
  if (slider.querySelector(".stage")) compareFrames(slider);
}

function compareFrames(slider) {
  const view = slider.querySelector(".window");
  const stage = slider.querySelector(".stage");
  const range = slider.querySelector(".split");
  const select = slider.querySelector("select");
  const frames = [...slider.querySelectorAll(".frame")];
  const notes = [...slider.querySelectorAll(".frame-note")];
  const zooms = [...slider.querySelectorAll("[data-zoom]")];
  const original = slider.querySelector(".sides bdi").textContent;
  const width = () => Number(frames[select.selectedIndex].querySelector("img").getAttribute("width"));
  let split = 0.5;
  let zoom = "fit";

  function drawSplit() {
    const shown = Math.min(view.clientWidth, stage.offsetWidth);
    stage.style.setProperty("--cut", `${view.scrollLeft + split * shown}px`);
    range.setAttribute("aria-valuetext", `${Math.round(100 * split)} % ${original}`);
  }

  function setSplit(value) {
    split = Math.min(Math.max(value, 0), 1);
    range.value = Math.round(100 * split);
    drawSplit();
  }

  function setZoom(next) {
    const middle = (view.scrollTop + view.clientHeight / 2) / (stage.offsetHeight || 1);
    const at = (view.scrollLeft + split * view.clientWidth) / (stage.offsetWidth || 1);
    zoom = next;
    for (const button of zooms) button.setAttribute("aria-pressed", String(button.dataset.zoom === zoom));
    stage.classList.toggle("zoomed", zoom !== "fit");
    stage.classList.toggle("pixels", zoom !== "fit");
    stage.style.width = zoom === "fit" ? "" : `${Number(zoom) * width()}px`;
    view.scrollTop = middle * stage.offsetHeight - view.clientHeight / 2;
    view.scrollLeft = at * stage.offsetWidth - split * view.clientWidth;
    drawSplit();
  }

  function show(index) {
    select.selectedIndex = (index + frames.length) % frames.length;
    frames.forEach((frame, number) => { frame.hidden = number !== select.selectedIndex; });
    notes.forEach((note, number) => { note.hidden = number !== select.selectedIndex; });
    slider.querySelector(".count").textContent = `${select.selectedIndex + 1} of ${frames.length}`;
    setZoom(zoom);
  }

  range.addEventListener("input", () => setSplit(range.valueAsNumber / 100));
  select.addEventListener("change", () => show(select.selectedIndex));
  slider.querySelector(".previous").addEventListener("click", () => show(select.selectedIndex - 1));
  slider.querySelector(".next").addEventListener("click", () => show(select.selectedIndex + 1));
  for (const button of zooms) button.addEventListener("click", () => setZoom(button.dataset.zoom));
  const outlined = slider.querySelector(".outlined");
  if (outlined) {
    const draw = () => stage.classList.toggle("with-outline", outlined.checked);
    outlined.addEventListener("change", draw);
    draw();
  }

  /* A finger takes the divider only where it is, so that it can still move the page and the frame elsewhere. */
  const follow = (event) => {
    const box = view.getBoundingClientRect();
    setSplit((event.clientX - box.left) / Math.min(view.clientWidth, stage.offsetWidth));
  };
  stage.addEventListener("pointerdown", (event) => {
    const grip = event.target.classList.contains("divider");
    if (event.button !== 0 || (event.pointerType !== "mouse" && !grip)) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });

  view.addEventListener("scroll", drawSplit);
  new ResizeObserver(drawSplit).observe(view);

  /* The largest whole zoom at which a frame is seen as a whole; a frame wider than the page is made to fit. */
  const room = slider.clientWidth;
  setZoom(["4", "2", "1"].find((factor) => Number(factor) * width() <= room) ?? "fit");
  setSplit(0.5);
}

/* On paper nothing can be unfolded. */
const folded = () => document.querySelectorAll("details:not([open])");
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...folded()];
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});
