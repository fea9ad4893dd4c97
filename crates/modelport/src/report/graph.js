'use strict';
// Draws the graph that is in #data. Places come from there, for closed blocks; where a block is opened, its level is
// stretched. Text of the file goes through textContent only.
const drawGraph = () => {
  const holder = document.getElementById('data');
  if (!holder) return;
  const { nodes, levels } = JSON.parse(holder.textContent);
  const HEIGHT = 38, HEAD = 24, FOOT = 12, EVERYTHING = 250;
  const view = document.getElementById('view'), side = document.getElementById('side');
  const find = document.getElementById('find'), found = document.getElementById('found'), hits = document.getElementById('hits');
  const SVG = 'http://www.w3.org/2000/svg';
  const make = (parent, tag, attributes, text) => {
    const e = parent.namespaceURI === SVG ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const key in attributes) e.setAttribute(key, attributes[key]);
    if (text !== undefined) e.textContent = text;
    parent.appendChild(e);
    return e;
  };
  const fit = (text, width) => {
    const room = Math.max(4, Math.floor((width - 16) / 6.8));
    return text.length <= room ? text : text.slice(0, Math.ceil(room / 2) - 1) + '…' + text.slice(text.length - Math.floor(room / 2));
  };

  // Who is where.
  const open = levels.map((_, i) => i === 0), parent = levels.map(() => -1), home = nodes.map(() => 0), next = nodes.map(() => []);
  levels.forEach((level, i) => level.boxes.forEach(([kind, index]) => {
    if (kind === 1) parent[index] = i;
    if (kind === 0) home[index] = i;
  }));
  nodes.forEach((node, i) => node.inputs.forEach(([from]) => { if (from !== null && !next[from].includes(i)) next[from].push(i); }));

  // Room for opened blocks: x and y of a level are stretched by steps, so that what was apart stays apart.
  const stretch = (at, list) => {
    let shift = 0;
    for (const [from, by] of list) { if (at < from) break; shift = by; }
    return at + shift;
  };
  const measure = i => {
    const level = levels[i], rows = new Map(), wide = [];
    level.size = level.boxes.map(([kind, index, x, y, width]) => {
      if (kind !== 1 || !open[index]) return [width, kind === 2 ? 0 : HEIGHT];
      const [w, h] = measure(index), size = [Math.max(w, width), h + HEAD + FOOT];
      rows.set(y, Math.max(rows.get(y) || 0, size[1] - HEIGHT));
      wide.push([x - width / 2, x, x + width / 2, (size[0] - width) / 2]);
      return size;
    });
    let sum = 0;
    level.rows = [...rows].sort((a, b) => a[0] - b[0]).map(([y, by]) => [y + 1, sum += by]);
    const shifts = new Map(), places = [...new Set(wide.flatMap(w => w.slice(0, 3)))].sort((a, b) => a - b);
    let shift = 0;
    level.columns = places.map(place => {
      for (const [left, middle, right, by] of wide) {
        if (place === middle) shift = Math.max(shift, shifts.get(left) + by);
        if (place === right) shift = Math.max(shift, shifts.get(middle) + by);
      }
      shifts.set(place, shift);
      return [place, shift];
    });
    return level.full = [stretch(level.width, level.columns), stretch(level.height, level.rows)];
  };

  // What is drawn, in absolute places.
  let boxes = [], edges = [], whole = [0, 0];
  const place = (i, left, top) => {
    const level = levels[i], X = x => left + stretch(x, level.columns), Y = y => top + stretch(y, level.rows);
    const centre = left + level.full[0] / 2;
    level.boxes.forEach(([kind, index, x, y], b) => {
      if (kind === 2) return;
      const [w, h] = level.size[b], box = { kind, index, x: X(x) - w / 2, y: Y(y), w, h, level: i };
      boxes.push(box);
      if (kind === 1 && open[index]) {
        box.frame = true;
        place(index, X(x) - levels[index].full[0] / 2, box.y + HEAD);
      }
    });
    level.edges.forEach(([from, to, points]) => {
      let d = '', x = 0, y = 0, low = Infinity, high = -Infinity;
      const start = level.boxes[from], end = level.boxes[to];
      for (let k = 0; k < points.length; k += 2) {
        let px = X(points[k]), py = Y(points[k + 1]);
        if (k === 0) {
          if (start[0] === 2) { px = centre; py = top - HEAD; }
          const below = py;
          if (start[0] !== 2) py = Y(start[3]) + level.size[from][1];
          d = `M${px} ${py}` + (below > py ? `V${below}` : '');
          py = Math.max(py, below);
        } else {
          if (k + 2 === points.length && end[0] === 2) { px = centre; py = top + level.full[1] + FOOT; }
          d += px === x ? `V${py}` : `C${x} ${(y + py) / 2} ${px} ${(y + py) / 2} ${px} ${py}`;
        }
        [x, y] = [px, py];
        low = Math.min(low, px); high = Math.max(high, px);
      }
      const of = b => b[0] === 2 ? null : b;
      edges.push({ d, level: i, from: of(start), to: of(end), x: low, w: high - low, y: Y(points[1]) - 8, bottom: y, arrow: end[0] !== 2 && !(end[0] === 1 && open[end[1]]) });
    });
  };

  // Only what is seen, and a margin, is in the document.
  let zoom = 1, panX = 0, panY = 0, chosen = -1, marked = new Set(), seen = null;
  const frames = make(view, 'g', {}), layers = ['frames', 'edges', 'boxes'].map(name => make(frames, 'g', { class: name }));
  const show = force => {
    const { width, height } = view.getBoundingClientRect();
    frames.setAttribute('transform', `translate(${panX} ${panY}) scale(${zoom})`);
    view.classList.toggle('far', zoom < 0.4);
    const area = { x: -panX / zoom, y: -panY / zoom, r: (width - panX) / zoom, b: (height - panY) / zoom };
    if (!force && seen && area.x >= seen.x && area.y >= seen.y && area.r <= seen.r && area.b <= seen.b) return;
    const [mx, my] = [(area.r - area.x) / 2, (area.b - area.y) / 2];
    seen = { x: area.x - mx, y: area.y - my, r: area.r + mx, b: area.b + my };
    layers.forEach(layer => layer.replaceChildren());
    for (const box of boxes) {
      if (box.x < seen.r && box.x + box.w > seen.x && box.y < seen.b && box.y + box.h > seen.y) drawBox(box);
    }
    for (const edge of edges) {
      if (edge.x <= seen.r && edge.x + edge.w >= seen.x && edge.y < seen.b && edge.bottom > seen.y) drawEdge(edge);
    }
  };
  const ancestors = i => { const all = new Set(); for (let l = home[i]; l >= 0; l = parent[l]) all.add(l); return all; };
  // The chosen node, those before and those after it, each with the blocks around them.
  let near = [];
  const around = list => ({ nodes: new Set(list), levels: new Set(list.flatMap(i => [...ancestors(i)])), list });
  const holds = (box, set, level) => {
    if (!box) return set.list.some(i => !ancestors(i).has(level));
    return box[0] === 0 ? set.nodes.has(box[1]) : set.levels.has(box[1]);
  };
  const isHot = ({ from, to, level }) => near.length && ((holds(from, near[0], level) && holds(to, near[2], level)) || (holds(from, near[1], level) && holds(to, near[0], level)));
  const drawEdge = edge => {
    const hot = isHot(edge);
    const path = make(layers[1], 'path', { d: edge.d, class: hot ? 'hot' : '' });
    if (edge.arrow) path.setAttribute('marker-end', hot ? 'url(#hot)' : 'url(#tip)');
  };
  const drawBox = box => {
    const { x, y, w, h } = box, middle = x + w / 2;
    if (box.kind === 1) {
      const level = levels[box.index], many = !box.frame && marked.size && [...marked].some(i => ancestors(i).has(box.index));
      const g = make(layers[box.frame ? 0 : 2], 'g', { class: 'block' + (box.frame ? ' opened' : '') + (many ? ' hit' : ''), 'data-level': box.index });
      make(g, 'rect', { x, y, width: w, height: h, rx: 6 });
      if (box.frame) {
        make(g, 'text', { x: x + 10, y: y + 16, class: 'label' }, '− ' + fit(level.label, Math.max(w - 14, 60)));
      } else {
        make(g, 'text', { x: middle, y: y + 16, class: 'label' }, '+ ' + fit(level.label, w - 14));
        make(g, 'text', { x: middle, y: y + 30, class: 'sub' }, level.count + ' nodes');
      }
      make(g, 'title', {}, `${level.label}: ${level.count} nodes; click to ${box.frame ? 'close' : 'open'}`);
      return;
    }
    const node = nodes[box.index], state = (box.index === chosen ? ' chosen' : '') + (marked.has(box.index) ? ' hit' : '');
    const g = make(layers[2], 'g', { class: `node ${node.kind} ${node.family}${state}`, 'data-node': box.index });
    make(g, 'rect', { x, y, width: w, height: h, rx: node.op ? 6 : 19 });
    make(g, 'text', { x: middle, y: y + 16, class: 'label' }, fit(node.op || node.short, w));
    make(g, 'text', { x: middle, y: y + 30, class: 'sub' }, fit(node.op ? node.short : node.results[0][1] || node.kind, w));
    make(g, 'title', {}, node.name + node.results.map(r => r[1] ? '\n' + r[1] : '').join(''));
  };
  const again = () => {
    boxes = []; edges = []; whole = measure(0);
    place(0, 0, 0);
    show(true);
  };

  // Moving about.
  const zoomTo = (to, cx, cy) => {
    to = Math.min(3, Math.max(0.02, to));
    panX = cx - (cx - panX) * to / zoom; panY = cy - (cy - panY) * to / zoom; zoom = to;
    show();
  };
  const all = () => {
    const { width, height } = view.getBoundingClientRect();
    zoom = Math.min(1.2, (width - 24) / whole[0], (height - 24) / whole[1]);
    panX = (width - whole[0] * zoom) / 2; panY = Math.max(12, (height - whole[1] * zoom) / 2);
    show();
  };
  const start = () => {
    const { width } = view.getBoundingClientRect();
    all();
    if (zoom < 0.75) {
      // The beginning of a large graph, in letters that can be read.
      zoom = 0.9;
      const first = boxes.find(b => b.kind === 0) || boxes[0];
      panX = width / 2 - (first ? first.x + first.w / 2 : 0) * zoom;
      panY = 12;
      show(true);
    }
  };
  const toggle = (level, to) => {
    // The block that is clicked stays where it is.
    const before = boxes.find(b => b.kind === 1 && b.index === level);
    open[level] = to;
    again();
    const after = boxes.find(b => b.kind === 1 && b.index === level);
    if (before && after) {
      panX += (before.x + before.w / 2 - after.x - after.w / 2) * zoom; panY += (before.y - after.y) * zoom;
      show(true);
    }
  };
  const reveal = i => {
    for (const level of ancestors(i)) open[level] = true;
    choose(i, true);
    const box = boxes.find(b => b.kind === 0 && b.index === i), { width, height } = view.getBoundingClientRect();
    if (!box) return;
    zoom = Math.max(zoom, 0.8);
    panX = width / 2 - (box.x + box.w / 2) * zoom; panY = height / 2 - (box.y + box.h / 2) * zoom;
    show(true);
  };
  const choose = (i, anew) => {
    chosen = i;
    near = i < 0 ? [] : [around([i]), around(nodes[i].inputs.map(([from]) => from).filter(from => from !== null)), around(next[i])];
    if (anew) again(); else show(true);
    tell();
  };

  // The panel beside the graph.
  const tell = () => {
    side.replaceChildren();
    if (chosen < 0) {
      const inner = nodes.filter(n => n.op).length;
      make(side, 'p', { class: 'hint' }, `${inner} nodes. Click a node to see what the file says of it, a block to open or close it; drag to move, turn the wheel to zoom.`);
      return;
    }
    const node = nodes[chosen];
    make(side, 'h3', {}, node.op || node.kind);
    make(side, 'p', { class: 'mono' }, node.name);
    if (node.kind === 'unknown') make(side, 'p', { class: 'bad' }, 'modelport has no lowering for it.');
    const part = (title, rows, row) => {
      if (!rows.length) return;
      make(side, 'h4', {}, title);
      const list = make(side, 'ul', {});
      rows.slice(0, 200).forEach(r => row(make(list, 'li', {}), r));
    };
    const link = (li, i, text) => { make(li, 'button', { class: 'link', 'data-go': i }, text); };
    part('Inputs', node.inputs, (li, [from, name]) => from === null ? make(li, 'span', {}, name) : link(li, from, name));
    part('Results', node.results, (li, [name, type]) => { make(li, 'span', {}, name); if (type) make(li, 'code', {}, ' ' + type); });
    part('Used by', next[chosen], (li, i) => link(li, i, nodes[i].name));
    part('Weights and constants', node.weights, (li, [name, type, row]) => {
      if (row === null || !document.getElementById('w' + row)) make(li, 'span', {}, name);
      else make(li, 'a', { href: '#w' + row, title: 'statistics' }, name);
      make(li, 'code', {}, ' ' + type);
    });
    part('Attributes', node.attributes, (li, [key, value]) => { make(li, 'b', {}, key); make(li, 'code', {}, ' ' + value); });
  };

  // Searching.
  let results = [], at = -1;
  const search = () => {
    const wanted = find.value.trim().toLowerCase();
    const has = n => (n.name + '\n' + n.op + '\n' + n.weights.map(w => w[0]).join('\n')).toLowerCase().includes(wanted);
    results = wanted ? nodes.map((n, i) => i).filter(i => has(nodes[i])) : [];
    at = -1;
    marked = new Set(results);
    hits.textContent = wanted ? `${results.length} found` : '';
    found.replaceChildren();
    results.slice(0, 60).forEach(i => {
      const button = make(make(found, 'li', {}), 'button', { class: 'link', 'data-go': i }, nodes[i].name);
      if (nodes[i].op) make(button, 'small', {}, ' ' + nodes[i].op);
    });
    found.hidden = !results.length;
    show(true);
  };
  find.addEventListener('input', search);
  find.addEventListener('keydown', e => {
    if (e.key === 'Escape') { find.value = ''; search(); view.focus(); }
    if (e.key !== 'Enter' || !results.length) return;
    at = (at + (e.shiftKey ? results.length - 1 : 1)) % results.length;
    hits.textContent = `${at + 1} of ${results.length}`;
    found.hidden = true;
    reveal(results[at]);
  });
  document.addEventListener('keydown', e => {
    if (e.key === '/' && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { e.preventDefault(); find.focus(); }
  });
  document.getElementById('graph').addEventListener('click', e => {
    const go = e.target.closest('[data-go]');
    if (go) { found.hidden = true; reveal(Number(go.dataset.go)); }
  });
  document.addEventListener('modelport-find', e => { find.value = e.detail; search(); found.hidden = true; document.getElementById('graph').scrollIntoView(); });

  // The mouse, fingers and keys.
  const down = new Map();
  let moved = 0;
  view.addEventListener('pointerdown', e => { down.set(e.pointerId, [e.clientX, e.clientY]); moved = 0; found.hidden = true; });
  view.addEventListener('pointermove', e => {
    const before = down.get(e.pointerId);
    if (!before) return;
    const [dx, dy] = [e.clientX - before[0], e.clientY - before[1]], other = [...down].find(([id]) => id !== e.pointerId);
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > 4 && !view.hasPointerCapture(e.pointerId)) view.setPointerCapture(e.pointerId);
    if (other) {
      const [ox, oy] = other[1], { left, top } = view.getBoundingClientRect();
      const apart = (x, y) => Math.hypot(x - ox, y - oy) || 1;
      zoomTo(zoom * apart(e.clientX, e.clientY) / apart(...before), (e.clientX + ox) / 2 - left, (e.clientY + oy) / 2 - top);
    } else {
      panX += dx; panY += dy;
      show();
    }
    down.set(e.pointerId, [e.clientX, e.clientY]);
  });
  ['pointerup', 'pointercancel'].forEach(name => view.addEventListener(name, e => down.delete(e.pointerId)));
  view.addEventListener('click', e => {
    if (moved > 4) return;
    const node = e.target.closest('[data-node]'), block = e.target.closest('[data-level]');
    if (node) choose(Number(node.dataset.node));
    else if (block && !inside(e, Number(block.dataset.level))) toggle(Number(block.dataset.level), !open[block.dataset.level]);
    else choose(-1);
  });
  // Below its head an open block is background.
  const inside = (e, level) => {
    const box = boxes.find(b => b.frame && b.index === level);
    return box && (e.clientY - view.getBoundingClientRect().top - panY) / zoom > box.y + HEAD;
  };
  view.addEventListener('wheel', e => {
    e.preventDefault();
    const { left, top } = view.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.clientX - left, e.clientY - top);
  }, { passive: false });
  const centre = f => { const { width, height } = view.getBoundingClientRect(); zoomTo(zoom * f, width / 2, height / 2); };
  view.addEventListener('keydown', e => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
    if (step) { panX += step[0]; panY += step[1]; show(); }
    else if (e.key === '+') centre(1.25);
    else if (e.key === '-') centre(0.8);
    else if (e.key === '0') all();
    else return;
    e.preventDefault();
  });
  const button = (id, f) => document.getElementById(id).addEventListener('click', f);
  button('larger', () => centre(1.25));
  button('smaller', () => centre(0.8));
  button('fit', all);
  button('open', () => { open.fill(true); again(); start(); });
  button('close', () => { open.fill(false); open[0] = true; again(); start(); });
  if (levels.length === 1) ['open', 'close'].forEach(id => document.getElementById(id).hidden = true);
  window.addEventListener('resize', () => show(true));

  const defs = make(view, 'defs', {});
  for (const id of ['tip', 'hot']) {
    const marker = make(defs, 'marker', { id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' });
    make(marker, 'path', { d: 'M0 0.5L7.5 4L0 7.5z', class: id });
  }
  if (nodes.length <= EVERYTHING) open.fill(true);
  // A block of more than half of the nodes hides too much.
  else levels.forEach((level, i) => { if (level.count * 2 > nodes.length) open[i] = true; });
  again();
  start();
  tell();
};
drawGraph();
