// Places for the nodes of a graph: nodes push each other away, relations pull. The same graph
// always looks the same: it begins on a spiral, without chance.

const ROUNDS = 150;
const EDGE = 40;

export function laidOut({ nodes, edges }, width, height) {
  const places = new Map(nodes.map((node, index) => {
    const [angle, far] = [index * 2.399963, Math.sqrt((index + 0.5) / nodes.length)];
    return [node.name, { x: width * (0.5 + 0.45 * far * Math.cos(angle)),
      y: height * (0.5 + 0.45 * far * Math.sin(angle)) }];
  }));
  const all = [...places.values()];
  const ideal = 0.75 * Math.sqrt((width * height) / nodes.length);
  for (let round = 0; round < ROUNDS; round += 1) {
    const moves = new Map(all.map((place) => [place, { x: 0, y: 0 }]));
    const push = (one, other, strength) => {
      const [dx, dy] = [one.x - other.x || 0.01, one.y - other.y || 0.01];
      const distance = Math.hypot(dx, dy);
      const [x, y] = [(dx / distance) * strength(distance), (dy / distance) * strength(distance)];
      const [a, b] = [moves.get(one), moves.get(other)];
      a.x += x; a.y += y; b.x -= x; b.y -= y;
    };
    all.forEach((one, index) => all.slice(index + 1).forEach((other) =>
      push(one, other, (distance) => (ideal * ideal) / distance)));
    for (const { source, target, weight } of edges) {
      if (source === target) continue;
      push(places.get(source), places.get(target), (distance) =>
        -(0.4 + weight) * (distance * distance) / ideal);
    }
    const most = 0.1 * width * (1 - round / ROUNDS);
    for (const place of all) {
      const move = moves.get(place);
      const far = Math.hypot(move.x, move.y) || 1;
      place.x = held(place.x + (move.x / far) * Math.min(far, most), width);
      place.y = held(place.y + (move.y / far) * Math.min(far, most), height);
    }
  }
  return places;
}

const held = (value, size) => Math.min(size - EDGE, Math.max(EDGE, value));
