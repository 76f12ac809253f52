// A layered drawing, frame by frame from the inside out. Every frame is laid out by itself: an edge that crosses its
// border does so at a port, and its frame takes it from there. `r` runs along the ranks, `c` across them; the view turns
// them into x and y. Ranks and orders are found in order.js, places in place.js.

const GAP = { rank: 13, across: 22 };

// edges: {from, to, labels, label: {r, c, line} of the words: sizes, and where across them the line runs}; items: boxes {id, r, c} with sizes, and frames {id, items, pad: [r before, r after, c before, c after], least: c}.
// Sets `at: [r, c]` of all of them, and of frames their sizes; returns {size: [r, c], paths}.
function layout(items, edges) {
  const homes = new Map(), levels = new Map();
  const top = { id: '', items, pad: [0, 0, 0, 0], least: 0, parent: null };
  (function enter(frame) {
    levels.set(frame, { segments: new Map(), ins: new Map(), outs: new Map() });
    for (const item of frame.items) {
      homes.set(item.id, frame);
      item.parent = frame;
      if (item.items) enter(item);
    }
  })(top);
  edges.forEach((edge, number) => route(edge, number, homes, levels));
  const paths = [];
  settle(top, levels, paths);
  move(top, 0, 0);
  return { size: [top.r, top.c], paths: paths.map(({ frame, ...path }) => shifted(path, frame.at)) };
}

function chain(frame) {
  return frame === null ? [] : [frame, ...chain(frame.parent)];
}

// Cut an edge where it crosses the borders of frames.
function route(edge, number, homes, levels) {
  const up = chain(homes.get(edge.from)), down = chain(homes.get(edge.to));
  const common = up.find((frame) => down.includes(frame));
  const key = edge.from + ' ' + edge.labels.join();
  const segment = (frame, from, to, labels, last, label = null) => {
    const { segments } = levels.get(frame);
    const id = `${from.id}|${from.port || ''}>${to.id}|${to.port || ''}`;
    if (!segments.has(id)) segments.set(id, { from, to, labels, label, edges: [], last });
    segments.get(id).edges.push(number);
  };
  const port = (frame, side) => {
    const ports = levels.get(frame)[side];
    if (!ports.has(key)) ports.set(key, { id: `${side} ${key}`, r: side === 'ins' ? 8 : 0, c: 0, dummy: true });
    return { id: ports.get(key).id };
  };
  let from = { id: edge.from };
  for (const frame of up.slice(0, up.indexOf(common))) {
    segment(frame, from, port(frame, 'outs'), [], false);
    from = { id: frame.id, port: key };
  }
  const into = down.slice(0, down.indexOf(common)).reverse();
  let to = into.length ? { id: into[0].id, port: key } : { id: edge.to };
  segment(common, from, to, edge.labels, !into.length, edge.label);
  into.forEach((frame, at) => {
    const inner = into[at + 1];
    to = inner ? { id: inner.id, port: key } : { id: edge.to };
    segment(frame, port(frame, 'ins'), to, [], !inner);
  });
}

function settle(frame, levels, paths) {
  frame.items.filter((item) => item.items).forEach((item) => settle(item, levels, paths));
  const { segments, ins, outs } = levels.get(frame);
  const nodes = new Map();
  [...ins.values(), ...frame.items, ...outs.values()].forEach((item, order) => {
    nodes.set(item.id, { id: item.id, item, r: item.r, c: item.c, order, dummy: item.dummy || false, links: [] });
  });
  const first = new Set([...ins.values()].map((item) => item.id)), last = new Set([...outs.values()].map((i) => i.id));
  const list = [...nodes.values()], links = [...segments.values()].map((each) => linked(each, nodes));
  rank(list, links, first, last);
  const layers = layered(list, links);
  arrange(layers);
  const size = placed(layers, links, frame);
  for (const link of links) paths.push({ frame, ...traced(link, layers, size) });
  frame.ports = { ins: ports(ins, nodes), outs: ports(outs, nodes) };
}

function ports(items, nodes) {
  return new Map([...items].map(([key, item]) => [key, nodes.get(item.id).at]));
}

function linked(segment, nodes) {
  const [from, to] = [nodes.get(segment.from.id), nodes.get(segment.to.id)];
  const offset = (node, end, side) => {
    const port = end.port !== undefined && node.item.ports ? node.item.ports[side].get(end.port) : undefined;
    return port === undefined ? 0 : port - node.c / 2;
  };
  const main = to.order === from.order + 1;
  return {
    ...segment, from, to, weight: main ? 4 : 1, length: segment.labels.length ? 2 : 1,
    begin: offset(from, segment.from, 'outs'), end: offset(to, segment.to, 'ins'),
  };
}

// The points of a link, and where its words stand.
function traced(link, layers, size) {
  const begin = link.back ? link.end : link.begin, end = link.back ? link.begin : link.end;
  const points = [[edgeOf(link.upper, true, size), link.upper.at + begin + fan(link, link.upper, 'downs')]];
  // past the head of a frame a line goes straight: there stand words
  if (link.upper.item.dummy) points.push([link.upper.begin, link.upper.at + begin]);
  let words = null;
  for (const node of link.way) {
    const across = node.at + (node.line || 0);
    points.push([node.begin, across], [node.finish, across]);
    if (node.words) words = [(node.begin + node.finish) / 2, node.line < 0 ? across : node.at];
  }
  points.push([edgeOf(link.lower, false, size), link.lower.at + end + fan(link, link.lower, 'ups')]);
  if (link.back) points.reverse();
  return { points, words, labels: link.labels, edges: link.edges, last: link.last };
}

function edgeOf(node, leaving, size) {
  if (node.item.dummy) return node.rank === 0 && leaving ? 0 : size.r;
  return leaving ? node.top + node.r : node.top;
}

// Several links of one box leave it side by side.
function fan(link, node, side) {
  if (node.item.dummy || node.item.items || node[side].length < 2) return 0;
  const next = (each) => (side === 'downs' ? each.way[0] || each.lower : each.way[each.way.length - 1] || each.upper).at;
  const order = [...node[side]].sort((a, b) => next(a) - next(b));
  const room = Math.min(node.c * 0.6, 14 * (order.length - 1));
  return room * (order.indexOf(link) / (order.length - 1) - 0.5);
}

function move(frame, r, c) {
  frame.at = [r, c];
  for (const item of frame.items) {
    const [r2, c2] = [r + item.at[0], c + item.at[1]];
    if (item.items) move(item, r2, c2);
    else item.at = [r2, c2];
  }
}

function shifted({ points, words, ...rest }, [r, c]) {
  const shift = ([a, b]) => [a + r, b + c];
  return { ...rest, points: points.map(shift), words: words && shift(words) };
}
