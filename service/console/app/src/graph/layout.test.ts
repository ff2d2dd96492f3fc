import { describe, expect, it } from 'vitest';

import { ends, NODE_WIDTH, placed, type Wire } from './layout';

const wire = (index: number, source: string, target: string): Wire => ({
  index,
  source,
  sourcePort: 'out',
  target,
  targetPort: 'in',
});

describe('placed', () => {
  it('puts each node to the right of those that feed it', () => {
    const corners = placed(['a', 'b', 'c'], [wire(0, 'a', 'b'), wire(1, 'b', 'c')]);
    expect(corners.get('b')!.x).toBeGreaterThan(corners.get('a')!.x + NODE_WIDTH);
    expect(corners.get('c')!.x).toBeGreaterThan(corners.get('b')!.x + NODE_WIDTH);
  });

  it('gives the same graph the same places', () => {
    const wires = [wire(0, 'a', 'c'), wire(1, 'b', 'c'), wire(2, 'b', 'c')];
    expect([...placed(['a', 'b', 'c'], wires)]).toEqual([...placed(['a', 'b', 'c'], wires)]);
  });

  it('keeps nodes without edges apart', () => {
    const corners = [...placed(['a', 'b'], []).values()];
    expect(corners[0]).not.toEqual(corners[1]);
  });
});

describe('ends', () => {
  it('takes the port from behind the last colon', () => {
    expect(ends('pricing/net:out')).toEqual(['pricing/net', 'out']);
    expect(ends('a:b:out')).toEqual(['a:b', 'out']);
    expect(ends('alone')).toEqual(['alone', '']);
  });
});
