// A scene -> SVG elements: sizes from the words, places from the layout.

const SVG = 'http://www.w3.org/2000/svg';
const UNITS = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M']];
const LINE = { title: 17, soft: 13 };
const ruler = document.createElement('canvas').getContext('2d');

function made(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function wide(text, font) {
  ruler.font = font;
  return ruler.measureText(text).width;
}

function fonts() {
  const family = getComputedStyle(document.body).fontFamily;
  return { title: `600 14px ${family}`, soft: `11px ${family}` };
}

function counted(number) {
  for (const [size, unit] of UNITS) {
    if (number >= size) return Number((number / size).toPrecision(3)).toLocaleString('en') + unit;
  }
  return number.toLocaleString('en');
}

function operations(number) {
  let at = -1;
  for (let left = number; left >= 999.5 && at < 5; left /= 1000) at += 1;
  if (at < 0) return `${number} FLOPs`;
  return `${Number((number / 1000 ** (at + 1)).toPrecision(3)).toLocaleString('en')} ${'KMGTPE'[at]}FLOPs`;
}

function plural(count, word) {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}

// What stands in a box: a title and softer lines.
function words(item) {
  const { part } = item, lines = [];
  if (part.operation === 'Input' || part.operation === 'Output') return [part.name, part.operation.toLowerCase()];
  const title = part.parts ? part.of : part.operation;
  if (item.name && item.name !== title) lines.push(item.name);
  const facts = part.parts ? [plural(part.calls, 'layer')] : [];
  if (part.parts ? part.shared : part.twin >= 0) facts.push('shared weights');
  else if (part.params) facts.push(`${counted(part.params)} params${part.frozen ? ', frozen' : ''}`);
  if (part.flops) facts.push(operations(part.flops));
  return [title, ...lines, ...(facts.length ? [facts.join(', ')] : [])];
}

function frameTitle(item) {
  const { part } = item;
  if (part.kind === 'run') return [`× ${part.parts.length.toLocaleString('en')}`, item.all ? 'all are shown' : 'one is shown'];
  return [part.of, item.name && item.name !== part.of ? item.name : ''];
}

const ACROSS = { TB: true, BT: true, LR: false, RL: false };

// Sizes as the layout wants them: along the ranks and across.
function sized(items, direction, font) {
  const turn = (width, height) => (ACROSS[direction] ? { r: height, c: width } : { r: width, c: height });
  for (const item of items) {
    if (item.items) {
      sized(item.items, direction, font);
      const [title, soft] = frameTitle(item);
      const head = 30 + wide(title, font.title) + 8 + wide(soft, font.soft) + 14;
      item.pad = { TB: [34, 12, 14, 14], BT: [12, 34, 14, 14], LR: [16, 16, 30, 12], RL: [16, 16, 30, 12] }[direction];
      item.least = ACROSS[direction] ? head * 1.5 : 0;
      item.head = head;
    } else {
      const [title, ...soft] = words(item);
      const width = Math.max(wide(title, font.title), ...soft.map((line) => wide(line, font.soft))) + 24;
      Object.assign(item, turn(Math.max(width, 56), LINE.title + LINE.soft * soft.length + 12));
    }
  }
}

function labelled(edges, direction, font) {
  for (const edge of edges) {
    if (!edge.labels.length) continue;
    const width = Math.max(...edge.labels.map((label) => wide(label, font.soft))) + 14, height = 13 * edge.labels.length + 4;
    // words stand to the right of a line that goes down, and above one that goes to the side
    edge.label = ACROSS[direction] ? { r: height, c: width, line: 2 - width / 2 } : { r: width, c: height, line: height / 2 };
  }
}

// Places along and across -> x and y, in a picture of that size.
function turned(direction, [deep]) {
  return {
    point: ([r, c]) => ({ TB: [c, r], BT: [c, deep - r], LR: [r, c], RL: [deep - r, c] }[direction]),
    box: ({ at: [r, c], r: along, c: across }) => ({
      TB: [c, r, across, along], BT: [c, deep - r - along, across, along],
      LR: [r, c, along, across], RL: [deep - r - along, c, along, across],
    }[direction]),
  };
}

// Straight inside of a rank, a curve between two.
function path(points, across) {
  const text = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return points.map((point, at) => {
    if (!at) return `M${text(point)}`;
    const before = points[at - 1];
    if (before[0] === point[0] || before[1] === point[1]) return `L${text(point)}`;
    const middle = across ? (before[1] + point[1]) / 2 : (before[0] + point[0]) / 2;
    const [first, second] = across ? [[before[0], middle], [point[0], middle]] : [[middle, before[1]], [middle, point[1]]];
    return `C${text(first)} ${text(second)} ${text(point)}`;
  }).join('');
}

function drawn(view, direction) {
  const font = fonts();
  sized(view.items, direction, font);
  labelled(view.edges, direction, font);
  const { size, paths } = layout(view.items, view.edges);
  const turn = turned(direction, size), boxes = new Map();
  const [frames, lines, nodes] = [made('g'), made('g', { class: 'lines' }), made('g')];
  (function draw(items, depth) {
    for (const item of items) {
      const place = turn.box(item);
      boxes.set(item.id, place);
      if (item.items) {
        frames.append(frameOf(item, place, depth));
        draw(item.items, depth + 1);
      } else nodes.append(boxOf(item, place));
    }
  })(view.items, 0);
  paths.forEach((each) => lines.append(...lineOf(each, view.edges, turn, ACROSS[direction])));
  view.weights.forEach((each) => lines.append(weightsOf(each, boxes)));
  const [width, height] = ACROSS[direction] ? [size[1], size[0]] : size;
  return { group: made('g', {}, frames, lines, nodes), boxes, width, height };
}

function boxOf(item, [x, y, width, height]) {
  const { part } = item, closed = part.parts !== undefined;
  const group = made('g', {
    class: `box ${part.family}${closed ? ' closed' : ''}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    tabindex: 0, role: closed ? 'button' : 'img', 'data-id': item.id, 'aria-label': words(item).join(', '),
  });
  if (closed) group.setAttribute('aria-expanded', 'false');
  if (closed) group.append(made('rect', { class: 'behind', x: 4, y: 4, width, height, rx: 8 }));
  group.append(made('rect', { class: 'face', width, height, rx: 8 }));
  words(item).forEach((line, at) => {
    const place = { x: width / 2, y: 6 + 13 + at * LINE.soft + (at ? 3 : 0), class: at ? 'soft' : 'title' };
    group.append(made('text', { ...place, 'text-anchor': 'middle' }, line));
  });
  return group;
}

function frameOf(item, [x, y, width, height], depth) {
  const run = item.part.kind === 'run', [title, soft] = frameTitle(item);
  const group = made('g', { class: `frame ${run ? 'run' : ''} depth${depth % 2}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
  const head = made('g', {
    class: 'head', tabindex: 0, role: 'button', 'data-id': item.id,
    'aria-label': run ? `${title}, ${soft}` : `fold ${title} ${soft}`.trim(), 'aria-expanded': String(!run || item.all),
  });
  const sign = !run || item.all ? 'M5 10h8' : 'M5 10h8M9 6v8';
  head.append(
    made('rect', { class: 'grip', x: 4, y: 4, width: item.head - 12, height: 20, rx: 6 }),
    made('path', { class: 'sign', d: sign, transform: 'translate(5 4)' }),
    made('text', { class: 'title', x: 26, y: 19 }, title),
    made('text', { class: 'soft', x: 34 + wide(title, fonts().title), y: 19 }, soft),
  );
  group.append(made('rect', { class: 'ground', width, height, rx: 10 }), head);
  return group;
}

function lineOf(each, edges, turn, across) {
  const points = each.points.map(turn.point);
  const ends = each.edges.map((number) => edges[number]);
  const marks = { 'data-ends': [...new Set(ends.flatMap((edge) => [edge.from, edge.to]))].join(' ') };
  const line = made('path', { class: 'line', d: path(points, across), ...marks });
  if (each.last) line.setAttribute('marker-end', 'url(#arrow)');
  if (!each.words) return [line];
  const [x, y] = turn.point(each.words);
  const text = made('text', { class: 'soft label', 'text-anchor': across ? 'start' : 'middle', ...marks });
  each.labels.forEach((label, at) => {
    text.append(made('tspan', { x: x + (across ? 6 : 0), y: y + (across ? 4 : 2) + 13 * (at - (each.labels.length - 1) / 2) }, label));
  });
  return [line, text];
}

// That two boxes have the same weights.
function weightsOf({ from, to }, boxes) {
  const [a, b] = [boxes.get(from), boxes.get(to)].sort((one, other) => one[0] - other[0]);
  const beside = b[0] > a[0] + a[2];
  const begin = [a[0] + a[2], a[1] + a[3] / 2], end = [beside ? b[0] : b[0] + b[2], b[1] + b[3] / 2];
  const bend = beside ? [(begin[0] + end[0]) / 2, (begin[0] + end[0]) / 2] : [begin[0] + 40, end[0] + 40];
  const d = `M${begin.join(' ')}C${bend[0]} ${begin[1]} ${bend[1]} ${end[1]} ${end.join(' ')}`;
  const line = made('path', { class: 'weights', d, 'data-ends': `${from} ${to}` });
  line.append(made('title', {}, 'the same weights'));
  return line;
}
