// On which rank the nodes of a frame stand, and in which order: ranks are longest ways, orders barycentres (Sugiyama,
// Tagawa, Toda, 1981).

// The rank of every node; links against the stream are turned round for that.
function rank(nodes, links, first, last) {
  const out = new Map(nodes.map((node) => [node, []]));
  links.forEach((link) => out.get(link.from).push(link));
  const state = new Map(), order = [];
  for (const start of nodes) {
    const stack = [[start, 0]];
    while (stack.length) {
      const top = stack[stack.length - 1], [node, at] = top;
      if (at === 0 && state.has(node)) { stack.pop(); continue; }
      state.set(node, 'open');
      const link = out.get(node)[at];
      if (link === undefined) { state.set(node, 'done'); order.push(node); stack.pop(); continue; }
      top[1] += 1;
      if (state.get(link.to) === 'open') link.back = true;
      else if (!state.has(link.to)) stack.push([link.to, 0]);
    }
  }
  links.forEach((link) => { [link.upper, link.lower] = link.back ? [link.to, link.from] : [link.from, link.to]; });
  nodes.forEach((node) => { node.rank = 0; node.ups = []; node.downs = []; });
  links.forEach((link) => { link.upper.downs.push(link); link.lower.ups.push(link); });
  const ranked = topological(nodes);
  for (const node of ranked) {
    node.rank = Math.max(first.size && !first.has(node.id) ? 1 : 0, ...node.ups.map((link) => link.upper.rank + link.length));
  }
  const deepest = Math.max(0, ...nodes.map((node) => node.rank + (last.size && !last.has(node.id) ? 1 : 0)));
  nodes.forEach((node) => { if (last.has(node.id)) node.rank = deepest; });
  for (const node of ranked.reverse()) { // what nothing but later calls need stands near them
    if (!node.ups.length && node.downs.length && !first.has(node.id)) {
      node.rank = Math.min(...node.downs.map((link) => link.lower.rank - link.length));
    }
  }
}

function topological(nodes) {
  const waiting = new Map(nodes.map((node) => [node, node.ups.length]));
  const ready = nodes.filter((node) => !node.ups.length), order = [];
  for (let at = 0; at < ready.length; at += 1) {
    order.push(ready[at]);
    for (const { lower } of ready[at].downs) {
      waiting.set(lower, waiting.get(lower) - 1);
      if (!waiting.get(lower)) ready.push(lower);
    }
  }
  return order;
}

// Nodes by rank, with a dummy on every rank that a link passes; one of them has room for its words.
function layered(nodes, links) {
  const layers = [];
  const put = (node) => { (layers[node.rank] = layers[node.rank] || []).push(node); };
  nodes.forEach((node) => { node.above = []; node.below = []; put(node); });
  for (const link of links) {
    link.way = [];
    let before = link.upper, offset = link.back ? link.end : link.begin;
    for (let at = link.upper.rank + 1; at < link.lower.rank; at += 1) {
      const words = at === (link.back ? link.lower.rank - 1 : link.upper.rank + 1) && link.label;
      const node = { rank: at, dummy: true, r: 0, c: 0, order: link.upper.order + 0.5, above: [], below: [] };
      if (words) [node.r, node.c, node.words, node.line] = [link.label.r, link.label.c, true, link.label.line];
      link.way.push(node);
      put(node);
      tie(before, node, offset, node.line || 0, link.weight);
      [before, offset] = [node, node.line || 0];
    }
    tie(before, link.lower, offset, link.back ? link.begin : link.end, link.weight);
  }
  for (let at = 0; at < layers.length; at += 1) layers[at] = (layers[at] || []).sort((a, b) => a.order - b.order);
  return layers;
}

function tie(upper, lower, begin, end, weight) {
  upper.below.push({ node: lower, own: begin, other: end, weight });
  lower.above.push({ node: upper, own: end, other: begin, weight });
}

function arrange(layers) {
  const number = () => layers.forEach((layer) => layer.forEach((node, at) => { node.pos = at; }));
  number();
  let best = layers.map((layer) => [...layer]), least = crossings(layers);
  for (let sweep = 0; sweep < 10 && least > 0; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      for (const node of layer) {
        const ties = down ? node.above : node.below;
        node.wish = ties.length ? sum(ties, (each) => each.node.pos + bias(each)) / ties.length : node.pos;
      }
      layer.sort((a, b) => a.wish - b.wish);
      layer.forEach((node, at) => { node.pos = at; });
    }
    const count = crossings(layers);
    if (count < least) [best, least] = [layers.map((layer) => [...layer]), count];
  }
  best.forEach((layer, at) => { layers[at] = layer; });
  number();
}

// Ports of one frame are told apart by where they stand on it.
function bias(each) {
  return each.node.c ? Math.max(-0.45, Math.min(0.45, each.other / each.node.c)) : 0;
}

function crossings(layers) {
  let count = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((node) => [...node.below].sort((a, b) => a.own - b.own || a.node.pos - b.node.pos)
      .map((each) => each.node.pos + bias(each)));
    if (ends.length > 400) continue;
    for (let a = 0; a < ends.length; a += 1) for (let b = a + 1; b < ends.length; b += 1) if (ends[a] > ends[b]) count += 1;
  }
  return count;
}
