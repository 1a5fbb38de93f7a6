// Asks how the run stands every two seconds, and shows it. Text from anywhere becomes text, never markup.
"use strict";

const EVERY_MS = 2000;
const PATIENCE_MS = 8000;
const STATES = {
  starting: ["Starting", "neutral"],
  watching: ["Watching", "good"],
  behind: ["Behind", "warn"],
  degraded: ["Degraded", "warn"],
  "source-lost": ["Source lost", "bad"],
  stalled: ["Stalled", "bad"],
  finishing: ["Finishing", "neutral"],
  finished: ["Finished", "good"],
  stopped: ["Stopped", "warn"],
};
const ENDED = ["finished", "stopped"];

const by = (id) => document.getElementById(id);
const set = (id, text) => {
  if (by(id).textContent !== text) by(id).textContent = text;
};
const make = (tag, name, text) => {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
};

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const number = (value) => whole.format(value).replaceAll(",", "\u202f");
const places = (value, count) => value.toFixed(count);
const seconds = (s) => {
  if (s > 0 && s < 0.1) return "< 0.1 s";
  if (s < 10) return `${places(s, 1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${places(s / 3600, 1)} h` : `${places(s / 86400, s < 864000 ? 1 : 0)} days`;
};
const bytes = (size) => {
  const [unit, scale] = [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3], ["B", 1]].find((u) => size >= u[1]) ?? ["B", 1];
  return `${places(size / scale, size / scale < 10 && scale > 1 ? 1 : 0)} ${unit}`;
};
const ratio = (raw, coded) => (coded ? `${places(raw / coded, raw / coded < 100 ? 1 : 0)} : 1` : "–");
const speed = (value) => places(value, value < 1 ? 2 : 1);
const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

let latest = null; // the last status that came
let answeredAt = null; // when, in milliseconds
let chosen = decodeURIComponent(location.hash.slice(1)) || null; // the name of a position
let picture = { position: null, frame: null, url: null, busy: false };

// How late a position is: what waits now, or what the last frame waited.
const lagOf = (place) => Math.max(place.behind_s, place.latest ? place.latest.lag_s : 0);
const levelOf = (lag, limit) => (lag > limit ? 3 : lag > limit / 2 ? 2 : lag > limit / 6 ? 1 : 0);
const wellOf = (place) => (place.row === null ? "movie" : `${rowName(place.row)}${place.column}`);
const rowName = (row) => (row > 26 ? String.fromCharCode(64 + Math.floor((row - 1) / 26)) : "") + String.fromCharCode(65 + ((row - 1) % 26));

async function ask() {
  try {
    const answer = await fetch("/status.json", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) {
      refused();
    } else if (!answer.ok) {
      noAnswer();
    } else {
      latest = await answer.json();
      answeredAt = Date.now();
      document.body.classList.remove("old");
      by("no-answer").hidden = true;
      show(latest);
    }
  } catch {
    noAnswer();
  }
  setTimeout(ask, EVERY_MS);
}

function refused() {
  document.body.classList.add("old");
  complain("It was started anew, with another token: open the address that it told then.", false);
}

function noAnswer() {
  document.body.classList.add("old");
  if (latest && ENDED.includes(latest.state)) {
    complain(`The run has ended (${STATES[latest.state][0].toLowerCase()}), and its page with it. This is how it stood at ${clock(latest.at)}.`, true);
  } else if (latest) {
    complain(`No answer since ${clock(answeredAt / 1000)}: the run has ended, was stopped, or hangs. This is how it stood then.`, false);
  } else {
    complain("No answer.", false);
  }
  set("clock", "not updated any more");
}

function complain(text, calm) {
  by("no-answer").hidden = false;
  by("no-answer").classList.toggle("calm", calm);
  set("no-answer", text);
}

function show(status) {
  const [name, tone] = STATES[status.state] ?? [status.state, "neutral"];
  by("state").className = `state ${tone}`;
  set("state-name", name);
  set("state-words", status.words || "Every file that comes is taken.");
  document.title = `${name} · flowroi watch`;
  set("target", status.target);
  set("clock", `${clock(status.at)} · running for ${seconds(status.at - status.started_at)}`);
  const bar = by("progress");
  bar.hidden = status.state !== "finishing" || status.progress === null;
  if (status.progress) {
    bar.max = Math.max(1, status.progress[1]);
    bar.value = status.progress[0];
    if (status.state === "finishing") set("state-words", `${status.words}: ${number(status.progress[0])} of ${plural(status.progress[1], "frame")} in archives`);
  }
  showFigures(status);
  showMap(status);
  showPosition(status);
  showWarnings(by("warnings"), status.warnings, true);
  const faults = Object.values(status.faults).reduce((sum, count) => sum + count, 0);
  set("told-count", faults > status.warnings.length ? `the last ${status.warnings.length} of ${number(faults)}` : "");
  set("version", `FlowRoI ${status.version}.`);
  set("incoming", `From ${status.incoming.join(", ")}.`);
}

function showFigures(status) {
  set("frames", number(status.frames));
  set("frames-more", `${plural(status.places.length, "position")}, ${number(status.missing)} missing`);
  set("speed", speed(status.frames_per_s));
  set("behind", seconds(status.behind_s));
  set("behind-more", `late from ${seconds(status.max_lag_s)} on`);
  by("behind-tile").classList.toggle("late", status.behind_s > status.max_lag_s);
  set("lag", status.lag_s ? seconds(status.lag_s.median) : "–");
  const span = seconds(status.window_s);
  set("lag-more", status.lag_s ? `p99 ${seconds(status.lag_s.p99)}, last ${span}` : `last ${span}`);
  set("waiting", number(status.waiting));
  set("waiting-more", `last file ${seconds(Math.max(0, status.at - status.last_file_at))} ago`);
  set("rate", ratio(status.raw_bytes, status.coded_bytes));
  set("rate-more", status.coded_bytes ? `${bytes(status.raw_bytes)} in ${bytes(status.coded_bytes)}` : "raw : coded bytes");
  const gain = status.gain;
  set("gain", gain.mean === null ? "–" : `${places(gain.mean, 2)} ×`);
  set("gain-more", gain.samples ? `over JPEG 2000; ${plural(gain.samples, "frame")}, for ${places(100 * gain.share, 1)} % of a core` : "no frame sampled yet");
  set("free", status.free_bytes === null ? "–" : bytes(status.free_bytes));
  set("free-more", hoursLeft(status));
}

// At the speed and the rate of now; archives are a second copy of what is in the journals.
function hoursLeft(status) {
  if (status.free_bytes === null || !status.frames_per_s || !status.frames) return "";
  const need = status.coded_bytes;
  const perSecond = (2 * status.coded_bytes * status.frames_per_s) / status.frames;
  return status.free_bytes > need ? `enough for ${seconds((status.free_bytes - need) / perSecond)} more` : "too little for the archives";
}

// The plate: wells are made once, and changed where they change.
const wells = new Map();
let shape = "";

function showMap(status) {
  const groups = new Map();
  for (const place of status.places) {
    const well = wellOf(place);
    if (!groups.has(well)) groups.set(well, []);
    groups.get(well).push(place);
  }
  const rows = Math.max(1, ...status.places.map((place) => place.row ?? 1));
  const columns = Math.max(1, ...status.places.map((place) => place.column ?? 1));
  const next = `${rows}×${columns}×${[...groups.keys()].join()}`;
  by("plate-none").hidden = groups.size > 0;
  by("map").hidden = by("legend").hidden = groups.size === 0;
  if (next !== shape) {
    shape = next;
    layOut(rows, columns, groups);
  }
  if (!status.places.some((place) => place.name === chosen)) chosen = status.places[0]?.name ?? chosen;
  const limit = status.max_lag_s;
  const now = status.places.find((place) => place.name === chosen);
  for (const [well, members] of groups) {
    const button = wells.get(well);
    const lag = Math.max(...members.map(lagOf));
    const frames = members.reduce((sum, place) => sum + place.frames, 0);
    const warnings = members.reduce((sum, place) => sum + place.warnings + (place.missing ? 1 : 0), 0);
    const name = `well level-${levelOf(lag, limit)}${warnings ? " told" : ""}`;
    if (button.className !== name) button.className = name;
    const pressed = String(now !== undefined && wellOf(now) === well);
    if (button.ariaPressed !== pressed) button.ariaPressed = pressed;
    const [count, wait] = button.children;
    if (count.textContent !== number(frames)) count.textContent = number(frames);
    if (wait.textContent !== seconds(lag)) wait.textContent = seconds(lag);
    const label = `${well}: ${plural(frames, "frame")}${members.length > 1 ? ` of ${members.length} fields` : ""}, lag ${seconds(lag)}${warnings ? ", with warnings" : ""}`;
    if (button.ariaLabel !== label) button.ariaLabel = button.title = label;
  }
  for (const [level, words] of [`lag up to ${seconds(limit / 6)}`, `up to ${seconds(limit / 2)}`, `up to ${seconds(limit)}`, `late: over ${seconds(limit)}`].entries()) set(`legend-${level}`, words);
  set("plate-title", groups.has("movie") ? "The movie" : `${plural(groups.size, "well")}: frames and lag`);
}

function layOut(rows, columns, groups) {
  const focused = document.activeElement?.dataset?.well;
  const map = by("map");
  const one = groups.has("movie");
  map.className = `map${one ? " one" : columns > 24 ? " huge" : columns > 12 ? " large" : ""}`;
  const heads = one ? [] : [make("td"), ...Array.from({ length: columns }, (_, n) => make("th", "", String(n + 1)))];
  for (const head of heads.slice(1)) head.scope = "col";
  by("map-columns").replaceChildren(...heads);
  by("map-rows").replaceChildren(
    ...Array.from({ length: rows }, (_, r) => {
      const row = make("tr");
      if (!one) {
        const head = make("th", "", rowName(r + 1));
        head.scope = "row";
        row.append(head);
      }
      for (let column = 1; column <= columns; column += 1) {
        const well = one ? "movie" : `${rowName(r + 1)}${column}`;
        const cell = make("td", groups.has(well) ? "" : "empty");
        if (groups.has(well)) cell.append(buttonOf(well));
        row.append(cell);
      }
      return row;
    }),
  );
  for (const well of [...wells.keys()]) if (!groups.has(well)) wells.delete(well);
  // One stop for the tab key; from there the arrows.
  const buttons = [...by("map-rows").querySelectorAll("button")];
  for (const button of buttons) button.tabIndex = -1;
  const current = wells.get(focused) ?? buttons.find((button) => button.ariaPressed === "true") ?? buttons[0];
  if (current) current.tabIndex = 0;
  if (focused) wells.get(focused)?.focus();
}

function buttonOf(well) {
  if (!wells.has(well)) {
    const button = make("button", "well");
    button.type = "button";
    button.dataset.well = well;
    button.append(make("span", "number"), make("span", "seconds"));
    button.addEventListener("click", () => {
      const place = latest.places.find((candidate) => wellOf(candidate) === well);
      if (place) choose(place.name);
    });
    wells.set(well, button);
  }
  return wells.get(well);
}

by("map").addEventListener("keydown", (event) => {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  event.preventDefault();
  const table = by("map-rows").rows;
  let [row, column] = [cell.parentElement.rowIndex - 1, cell.cellIndex];
  for (;;) {
    row += step[0];
    column += step[1];
    const next = table[row]?.cells[column];
    if (!next) return;
    const button = next.querySelector("button");
    if (button) {
      event.target.tabIndex = -1;
      button.tabIndex = 0;
      button.focus();
      return;
    }
  }
});

function choose(name) {
  chosen = name;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  showMap(latest);
  showPosition(latest);
}

function showPosition(status) {
  const place = status.places.find((candidate) => candidate.name === chosen);
  if (!place) return;
  const well = wellOf(place);
  const members = status.places.filter((candidate) => wellOf(candidate) === well).sort((a, b) => a.field - b.field);
  set("position-title", place.row === null ? "Latest frame" : members.length > 1 ? `Well ${well}, field ${place.field}` : `Well ${well}`);
  showFields(members);
  set("p-frames", number(place.frames));
  set("p-missing", number(place.missing));
  set("p-waiting", number(place.waiting));
  set("p-behind", seconds(place.behind_s));
  set("p-lag", place.latest ? seconds(place.latest.lag_s) : "–");
  set("p-speed", speed(place.frames_per_s));
  set("p-rate", ratio(place.raw_bytes, place.coded_bytes));
  set("p-gain", place.gain === null ? "–" : `${places(place.gain, 2)} ×`);
  const own = status.warnings.filter((warned) => warned.position === place.name);
  set("p-told", own.length ? String(own.length) : "");
  showWarnings(by("p-warnings"), own, false);
  showPicture(place);
}

function showFields(members) {
  const box = by("fields");
  box.hidden = members.length < 2;
  const names = members.map((place) => place.name).join();
  if (box.dataset.names !== names) {
    box.dataset.names = names;
    box.replaceChildren(
      ...members.map((place) => {
        const button = make("button", "", String(place.field));
        button.type = "button";
        button.dataset.name = place.name;
        button.ariaLabel = `Field ${place.field}`;
        button.addEventListener("click", () => choose(place.name));
        return button;
      }),
    );
  }
  for (const button of box.children) button.ariaPressed = String(button.dataset.name === chosen);
}

// The latest frame, asked for where it is another one than the one that is shown.
async function showPicture(place) {
  const image = by("overlay");
  if (picture.position !== place.name) {
    picture.position = place.name;
    picture.frame = null;
    image.hidden = true;
    by("overlay-none").hidden = false;
    set("overlay-none", place.frames ? "Asking for the latest frame…" : "No frame yet.");
    set("overlay-frame", "");
    set("overlay-file", "");
  }
  if (picture.busy || place.frames === 0 || picture.frame === place.frames - 1) return;
  picture.busy = true;
  try {
    const answer = await fetch(`/overlay/${place.number}.png`, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (picture.position !== place.name) return;
    if (!answer.ok) {
      if (image.hidden) set("overlay-none", "The frame cannot be shown.");
      return;
    }
    const frame = Number(answer.headers.get("X-FlowRoI-Frame"));
    const url = URL.createObjectURL(await answer.blob());
    if (picture.url) URL.revokeObjectURL(picture.url);
    picture = { ...picture, frame, url };
    image.src = url;
    image.alt = `Frame ${frame} of ${place.name} with its region of interest outlined`;
    image.hidden = false;
    by("overlay-none").hidden = true;
    set("overlay-frame", `Frame ${number(frame)}, RoI in orange.`);
    set("overlay-file", place.latest?.frame === frame ? place.latest.file : "");
  } catch {
    // The next answer, or none, says more.
  } finally {
    picture.busy = false;
  }
}

const shown = new Map();

function showWarnings(list, warnings, withPosition) {
  const key = JSON.stringify(warnings);
  if (shown.get(list) === key) return;
  shown.set(list, key);
  const entries = warnings.toReversed().map((warned) => {
    const entry = make("li");
    const time = make("time", "", warned.at === null ? "earlier" : clock(warned.at));
    if (warned.at !== null) time.dateTime = new Date(warned.at * 1000).toISOString();
    entry.append(time, make("span", "fault", warned.kind));
    if (withPosition) entry.append(make("bdi", "where", warned.position || "–"));
    entry.append(make("bdi", "text", warned.text));
    return entry;
  });
  list.replaceChildren(...(entries.length ? entries : [make("li", "none", "None.")]));
}

ask();
