// Where the nodes of a frame stand, rank by rank and across, when ranks and orders are known. Places across minimize
// squared distances under the given order, which is isotonic regression (pool adjacent violators).

// Places across and along; the frame's size follows.
function placed(layers, links, frame) {
  for (const layer of layers) {
    let edge = 0;
    for (const node of layer) { node.x = edge + node.c / 2; edge += node.c + GAP.across; }
  }
  for (let sweep = 0; sweep < 16; sweep += 1) {
    const both = sweep > 9, down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      for (const node of layer) {
        const ties = both ? [...node.above, ...node.below] : down ? node.above : node.below;
        const weight = sum(ties, (each) => each.weight);
        node.wish = weight ? sum(ties, (each) => (each.node.x + each.other - each.own) * each.weight) / weight : node.x;
        node.pull = weight || 0.01;
      }
      spread(layer);
    }
  }
  straighten(layers, links);
  const all = layers.flat();
  const low = Math.min(...all.map((node) => node.x - node.c / 2)), high = Math.max(...all.map((node) => node.x + node.c / 2));
  const [before, after, left, right] = frame.pad, room = Math.max(0, frame.least - (high - low) - left - right);
  let along = before;
  layers.forEach((layer) => {
    const size = Math.max(0, ...layer.map((node) => node.r));
    layer.forEach((node) => {
      node.at = node.x - low + left + room / 2;
      node.top = along + (size - node.r) / 2;
      [node.begin, node.finish] = [along, along + size];
      if (node.item) node.item.at = [node.top, node.at - node.c / 2];
    });
    along += size + GAP.rank;
  });
  frame.r = Math.max(along - GAP.rank, before) + after;
  frame.c = high - low + left + right + room;
  return { depth: layers.length - 1, r: frame.r };
}

function apart(before, node) {
  return (before.c + node.c) / 2 + (before.dummy && node.dummy ? GAP.across / 2 : GAP.across);
}

function spread(layer) {
  const shifts = [0];
  layer.slice(1).forEach((node, at) => shifts.push(shifts[at] + apart(layer[at], node)));
  const pools = [];
  layer.forEach((node, at) => {
    pools.push({ sum: (node.wish - shifts[at]) * node.pull, weight: node.pull, count: 1 });
    while (pools.length > 1 && mean(pools[pools.length - 2]) > mean(pools[pools.length - 1])) {
      const { sum: more, weight, count } = pools.pop(), pool = pools[pools.length - 1];
      pool.sum += more; pool.weight += weight; pool.count += count;
    }
  });
  let at = 0;
  for (const pool of pools) for (let each = 0; each < pool.count; each += 1, at += 1) layer[at].x = mean(pool) + shifts[at];
}

// What should stand in one line is moved as one: the ranks that a link passes, and the main way where it only meets links
// that come from further off.
function straighten(layers, links) {
  const lines = inLine(layers, links);
  gather(layers, lines);
  for (let round = 0; round < 40; round += 1) {
    let most = 0;
    for (const line of round % 2 ? [...lines].reverse() : lines) {
      let [low, high, wish, weight] = [-Infinity, Infinity, 0, 0];
      for (const [node, shift] of line) {
        const layer = layers[node.rank], [before, after] = [layer[node.pos - 1], layer[node.pos + 1]];
        if (before) low = Math.max(low, before.x + apart(before, node) - shift);
        if (after) high = Math.min(high, after.x - apart(node, after) - shift);
        for (const each of [...node.above, ...node.below]) {
          if (each.node.column === line) continue;
          wish += (each.node.x + each.other - each.own - shift) * each.weight;
          weight += each.weight;
        }
      }
      if (low > high + 0.01) continue;
      const x = Math.min(Math.max(weight ? wish / weight : line[0][0].x - line[0][1], low), high);
      for (const [node, shift] of line) {
        most = Math.max(most, Math.abs(node.x - x - shift));
        node.x = x + shift;
      }
    }
    if (most < 0.5) break;
  }
}

// Bring the nodes of every line nearer to each other, and lines that are in each other's way apart.
function gather(layers, lines) {
  for (let sweep = 0; sweep < 12; sweep += 1) {
    for (const line of lines) line.x = sum(line, ([node, shift]) => node.x - shift) / line.length;
    for (const line of lines) for (const [node, shift] of line) [node.wish, node.pull] = [line.x + shift, line.length > 1 ? 8 : 1];
    layers.forEach(spread);
  }
}

// Lists of nodes with how far each stands from its line's place.
function inLine(layers, links) {
  const slack = (link) => link.lower.rank - link.upper.rank > link.length;
  const straight = (link) => link.weight > 1 && !slack(link)
    && link.upper.downs.every((other) => other === link || slack(other))
    && link.lower.ups.every((other) => other === link || slack(other));
  const next = new Map(), followed = new Set();
  const join = (a, b) => {
    const way = a.below.find((each) => each.node === b);
    next.set(a, [b, way.own - way.other]);
    followed.add(b);
  };
  for (const link of links) {
    const way = straight(link) ? [link.upper, ...link.way, link.lower] : link.way;
    way.slice(1).forEach((node, at) => join(way[at], node));
  }
  const lines = [];
  for (const first of layers.flat()) {
    if (followed.has(first)) continue;
    const line = [];
    for (let [node, shift] = [first, 0]; node;) {
      line.push([node, shift]);
      node.column = line;
      const [after, more] = next.get(node) || [null, 0];
      [node, shift] = [after, shift + more];
    }
    lines.push(line);
  }
  return lines.sort((a, b) => b.length - a.length);
}

function mean(pool) {
  return pool.sum / pool.weight;
}
