// What is seen of the tree: a group is one box until it is open, a run of equal copies is its first copy until all are
// asked for. The same rules as in fold.py.

function prepare(data) {
  const leaves = [], groups = [], runs = [];
  (function walk(parts, parent, level) {
    for (const part of parts) {
      part.parent = parent;
      if (part.parts === undefined) {
        leaves[part.i] = part;
        part.id = 'n' + part.i;
        continue;
      }
      part.level = level;
      if (part.kind === 'run') runs.push(part);
      else if (part.kind !== 'copy') groups.push(part);
      part.id = 'g' + (groups.length + runs.length) + part.kind;
      walk(part.parts, part, part.kind === 'run' || part.kind === 'copy' ? level : level + 1);
      part.leaves = leavesOf(part);
      part.params = sum(part.leaves, (leaf) => leaf.params);
      part.flops = sum(part.leaves, (leaf) => leaf.flops || 0);
      part.calls = part.leaves.filter((leaf) => leaf.operation !== 'Input' && leaf.operation !== 'Output').length;
      part.shared = part.params === 0 && part.leaves.some((leaf) => leaf.twin >= 0);
    }
  })(data.parts, null, 0);
  return { leaves, groups, runs, top: data.parts };
}

function leavesOf(part) {
  return part.parts === undefined ? [part] : part.parts.flatMap(leavesOf);
}

function sum(items, number) {
  return items.reduce((total, item) => total + number(item), 0);
}

// state: {open: Set of groups, all: Set of runs}. A scene: items (boxes and frames) and the edges between boxes.
function scene(model, state) {
  const place = new Map(), behind = new Map();
  const show = (parts, around) => parts.flatMap((part) => {
    if (part.parts === undefined) {
      place.set(part.i, part.id);
      return [{ id: part.id, part, name: short(part.name, around) }];
    }
    if (part.kind === 'run') return run(part, around);
    if (!state.open.has(part)) {
      part.leaves.forEach((leaf) => place.set(leaf.i, part.id));
      return [{ id: part.id, part, name: short(part.name, around) }];
    }
    const inner = part.kind === 'block' ? part.name + '.' : part.kind === 'model' ? '' : around;
    return [{ id: part.id, part, name: short(part.name, around), items: show(part.parts, inner) }];
  });
  const run = (part, around) => {
    if (state.all.has(part)) {
      const items = part.parts.flatMap((copy) => show(copy.parts, around));
      return [{ id: part.id, part, name: '', items }];
    }
    const first = part.parts[0];
    const items = show(first.parts, around);
    const numbers = new Set(part.leaves.map((leaf) => leaf.i));
    part.leaves.slice(first.leaves.length).forEach((leaf, at) => {
      place.set(leaf.i, place.get(first.leaves[at % first.leaves.length].i));
      behind.set(leaf.i, numbers);
    });
    return [{ id: part.id, part, name: '', items }];
  };
  const items = show(model.top, '');
  return { items, edges: edges(model, place, behind), weights: weights(model, place), place };
}

function short(name, around) {
  return around && name.startsWith(around) ? name.slice(around.length) : name;
}

function edges(model, place, behind) {
  const found = new Map();
  for (const leaf of model.leaves) {
    for (const [source, output] of leaf.takes) {
      const from = place.get(source), to = place.get(leaf.i);
      // what one copy hands to the next would be an edge back to the copy that is shown
      if (from === to || (behind.has(leaf.i) && behind.get(leaf.i).has(source))) continue;
      const key = from + ' ' + to, made = model.leaves[source].outputs;
      if (!found.has(key)) found.set(key, { from, to, labels: [] });
      const label = (made.length > 1 ? `[${output}] ` : '') + (made[output] ? made[output].label : '');
      const labels = found.get(key).labels;
      if (label && !labels.includes(label)) labels.push(label);
    }
  }
  return [...found.values()];
}

function weights(model, place) {
  const found = new Map();
  for (const leaf of model.leaves) {
    if (leaf.twin < 0) continue;
    const from = place.get(leaf.twin), to = place.get(leaf.i);
    if (from !== to) found.set(from + ' ' + to, { from, to });
  }
  return [...found.values()];
}
