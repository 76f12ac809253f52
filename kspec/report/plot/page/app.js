// The page: what is folded, where one looks, what one searches.

const data = JSON.parse(document.getElementById('data').textContent);
const model = prepare(data);
const picture = document.getElementById('picture'), card = document.getElementById('card');
const state = { open: new Set(), all: new Set(), direction: data.direction };
const eye = { x: 0, y: 0, scale: 1 };
const parts = new Map([...model.leaves, ...model.groups, ...model.runs].map((part) => [part.id, part]));
let now = null, hits = [], hit = -1;

function openTo(depth) {
  state.open = new Set(model.groups.filter((group) => group.level < depth));
}

// Draw anew; what has the id `still` stays where it was on the screen.
function render(still) {
  const before = still && now && now.boxes.get(still), focused = document.activeElement;
  const focus = picture.contains(focused) ? focused.dataset.id : undefined;
  const view = scene(model, state);
  (function mark(items) {
    for (const item of items) if (item.items) { item.all = state.all.has(item.part); mark(item.items); }
  })(view.items);
  now = drawn(view, state.direction);
  now.place = view.place;
  const canvas = document.getElementById('canvas');
  canvas.replaceChildren(now.group);
  const after = still && now.boxes.get(still);
  if (before && after) {
    eye.x += (before[0] - after[0]) * eye.scale;
    eye.y += (before[1] - after[1]) * eye.scale;
  }
  look();
  found();
  if (focus) focusOn(focus);
}

function elementOf(id) {
  return picture.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function focusOn(id) {
  const element = elementOf(id);
  if (element) element.focus({ preventScroll: true });
}

function look() {
  document.getElementById('canvas').setAttribute('transform', `translate(${eye.x} ${eye.y}) scale(${eye.scale})`);
}

function fit() {
  const { clientWidth: width, clientHeight: height } = picture, edge = 24;
  const scale = Math.min((width - 2 * edge) / now.width, (height - 2 * edge) / now.height);
  // a long picture is read from its beginning, not from so far away that nothing is readable
  eye.scale = Math.min(Math.max(scale, 0.55), 1.25);
  const begins = { TB: [0.5, 0], BT: [0.5, 1], LR: [0, 0.5], RL: [1, 0.5] }[state.direction];
  const place = (room, size, end) => {
    const free = room - size * eye.scale;
    return free >= 2 * edge ? free / 2 : edge + (free - 2 * edge) * end;
  };
  eye.x = place(width, now.width, begins[0]);
  eye.y = place(height, now.height, begins[1]);
  look();
}

function whole() {
  const { clientWidth: width, clientHeight: height } = picture, edge = 16;
  eye.scale = Math.min((width - 2 * edge) / now.width, (height - 2 * edge) / now.height, 1.25);
  eye.x = (width - now.width * eye.scale) / 2;
  eye.y = (height - now.height * eye.scale) / 2;
  look();
}

function zoom(factor, x = picture.clientWidth / 2, y = picture.clientHeight / 2) {
  const scale = Math.min(Math.max(eye.scale * factor, 0.02), 8), ratio = scale / eye.scale;
  [eye.x, eye.y, eye.scale] = [x - (x - eye.x) * ratio, y - (y - eye.y) * ratio, scale];
  look();
}

function pan(x, y) {
  eye.x += x;
  eye.y += y;
  look();
}

function toggle(id) {
  const part = parts.get(id);
  if (!part || part.parts === undefined) return;
  const set = part.kind === 'run' ? state.all : state.open;
  if (!set.delete(part)) set.add(part);
  hide();
  render(id);
  focusOn(id);
}

// Bring a box into sight.
function show(id) {
  const [x, y, width, height] = now.boxes.get(id);
  const left = eye.x + x * eye.scale, top = eye.y + y * eye.scale, edge = 40;
  const right = left + width * eye.scale, bottom = top + height * eye.scale;
  if (left < edge || right > picture.clientWidth - edge) eye.x += picture.clientWidth / 2 - (left + right) / 2;
  if (top < edge || bottom > picture.clientHeight - edge) eye.y += picture.clientHeight / 2 - (top + bottom) / 2;
  look();
}

// --- search -----------------------------------------------------------------------------------------------------------

function search(text) {
  const wanted = text.trim().toLowerCase();
  const has = (part) => [part.name, part.of, part.operation].some((word) => word && word.toLowerCase().includes(wanted));
  hits = wanted ? [...model.groups, ...model.leaves].filter(has) : [];
  hit = -1;
  found();
}

// Mark what was found: where it is folded away, the box that it is in.
function found() {
  const shown = new Set(hits.map(standsIn));
  picture.classList.toggle('searching', hits.length > 0);
  picture.querySelectorAll('.box, .head').forEach((element) => {
    element.classList.toggle('hit', shown.has(element.dataset.id));
  });
  const count = document.getElementById('count');
  const asked = document.getElementById('search').value.trim();
  count.textContent = !asked ? '' : hits.length ? `${hit + 1 ? `${hit + 1} of ` : ''}${hits.length}` : 'nothing';
}

function standsIn(part) {
  if (part.parts === undefined) return now.place.get(part.i);
  return now.boxes.has(part.id) ? part.id : now.place.get(part.leaves[0].i);
}

// The next place found; blocks around it are opened, and copies shown where it is in none that is.
function step(by) {
  if (!hits.length) return;
  hit = (hit + by + hits.length) % hits.length;
  const part = hits[hit];
  for (let around = part.parent; around; around = around.parent) {
    if (around.kind === 'run') continue;
    if (around.kind === 'copy') {
      if (around.parent.parts[0] !== around) state.all.add(around.parent);
    } else state.open.add(around);
  }
  render();
  const id = standsIn(part);
  show(id);
  tell(id);
  found();
}

// --- what is known of a box -------------------------------------------------------------------------------------------

function tell(id) {
  const part = parts.get(id);
  if (!part) return;
  const rows = [];
  const row = (name, ...values) => { if (values.length) rows.push([name, values]); };
  if (part.operation) {
    row('operation', part.operation);
    row(part.outputs.length > 1 ? 'outputs' : 'output', ...part.outputs.map((each, at) => (part.outputs.length > 1 ? `[${at}] ` : '') + each.full));
    row('takes', ...new Set(part.takes.map(([source]) => model.leaves[source].name)));
  } else row('layers', part.calls.toLocaleString('en'));
  if (part.kind === 'run') row('copies', part.parts.length.toLocaleString('en'));
  if (part.twin >= 0) row('parameters', `those of ${model.leaves[part.twin].name}`);
  else if (part.params) row('parameters', part.params.toLocaleString('en') + (part.frozen ? ', frozen' : ''));
  if (part.flops) row('FLOPs', part.flops.toLocaleString('en'));
  if (part.lines.length) row('spec', ...part.lines);
  const title = document.createElement('h2');
  title.textContent = part.name || part.of || 'repeat';
  const list = document.createElement('dl');
  for (const [name, values] of rows) {
    const term = document.createElement('dt');
    term.textContent = name;
    list.append(term);
    for (const value of values) {
      const detail = document.createElement('dd');
      detail.textContent = value;
      list.append(detail);
    }
  }
  card.replaceChildren(title, list);
  card.hidden = false;
  picture.querySelectorAll('[data-ends]').forEach((line) => {
    line.classList.toggle('near', line.dataset.ends.split(' ').includes(id));
  });
}

function hide() {
  card.hidden = true;
  picture.querySelectorAll('.near').forEach((line) => line.classList.remove('near'));
}

// --- hands ------------------------------------------------------------------------------------------------------------

const fingers = new Map();
let moved = false;

picture.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  moved = false;
});
picture.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const at = [event.clientX, event.clientY], [dx, dy] = [at[0] - before[0], at[1] - before[1]];
  if (!moved && Math.hypot(dx, dy) < 4) return;
  if (!moved) picture.setPointerCapture(event.pointerId);
  moved = true;
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const far = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    const box = picture.getBoundingClientRect();
    zoom(far(at) / far(before), (at[0] + other[0]) / 2 - box.left, (at[1] + other[1]) / 2 - box.top);
  } else pan(dx, dy);
  fingers.set(event.pointerId, at);
});
for (const end of ['pointerup', 'pointercancel']) picture.addEventListener(end, (event) => fingers.delete(event.pointerId));
picture.addEventListener('wheel', (event) => {
  event.preventDefault();
  const box = picture.getBoundingClientRect(), step = event.deltaMode ? 30 : 1;
  if (event.shiftKey) pan(-event.deltaY * step, 0);
  else zoom(Math.exp(-event.deltaY * step * 0.0016), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

const under = (event) => event.target.closest && event.target.closest('[data-id]');
picture.addEventListener('click', (event) => {
  const element = under(event);
  if (element && !moved) toggle(element.dataset.id);
});
picture.addEventListener('pointerover', (event) => {
  const element = under(event);
  if (element && !fingers.size) tell(element.dataset.id);
  else hide();
});
picture.addEventListener('pointerleave', hide);
picture.addEventListener('focusin', (event) => {
  const element = under(event);
  if (!element || !element.matches(':focus-visible')) return;
  show(element.dataset.id);
  tell(element.dataset.id);
});

const actions = {
  'zoom-in': () => zoom(1.25), 'zoom-out': () => zoom(0.8), fit: () => fit(), whole: () => whole(),
  fold: () => { state.open.clear(); state.all.clear(); render(); fit(); },
  unfold: () => { state.open = new Set(model.groups); render(); fit(); },
  turn: () => {
    state.direction = { TB: 'LR', LR: 'TB', BT: 'RL', RL: 'BT' }[state.direction];
    render();
    fit();
  },
};
for (const [name, action] of Object.entries(actions)) document.getElementById(name).addEventListener('click', action);

const box = document.getElementById('search');
box.addEventListener('input', () => search(box.value));
box.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
  else if (event.key === 'Escape') { box.value = ''; search(''); picture.focus(); } else return;
  event.preventDefault();
});

const keys = {
  '+': actions['zoom-in'], '=': actions['zoom-in'], '-': actions['zoom-out'], 0: actions.fit, w: actions.whole,
  f: actions.fold, u: actions.unfold, t: actions.turn, '/': () => box.focus(), n: () => step(1), N: () => step(-1),
  ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  Escape: hide,
};
document.addEventListener('keydown', (event) => {
  if (event.target === box || event.ctrlKey || event.metaKey || event.altKey) return;
  const element = picture.contains(event.target) && under(event);
  if (element && (event.key === 'Enter' || event.key === ' ')) toggle(element.dataset.id);
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});
window.addEventListener('resize', look);

openTo(data.depth);
if (data.unfold) state.all = new Set(model.runs);
render();
fit();
