/** Graphs to begin with: each runs at once, and shows one thing. */
export const EXAMPLES = [
  {
    symbia: '1.0',
    name: 'Square',
    version: '1.0.0',
    description: 'A number comes in, its square comes out.',
    nodes: [{ id: 'square', component: 'symbia.core.map', config: { expression: 'value * value' } }],
    edges: [],
  },
  {
    symbia: '1.0',
    name: 'Clean and sort',
    version: '1.0.0',
    description: 'Keeps orders with an amount, shapes them, and parts the large from the small.',
    nodes: [
      { id: 'has-amount', component: 'symbia.core.filter', config: { predicate: 'value.amount > 0' } },
      { id: 'shape', component: 'symbia.core.map', config: { expression: '({ id: value.id, cents: Math.round(value.amount * 100) })' } },
      { id: 'is-large', component: 'symbia.core.filter', config: { predicate: 'value.cents >= 100000' } },
      { id: 'large', component: 'symbia.core.logger', config: { level: 'warn', message: 'A large order' } },
      { id: 'batches', component: 'symbia.core.accumulator', config: { count: 10, timeoutMs: 2000 } },
    ],
    edges: [
      { source: { node: 'has-amount', port: 'out' }, target: { node: 'shape', port: 'in' } },
      { source: { node: 'shape', port: 'out' }, target: { node: 'is-large', port: 'in' } },
      { source: { node: 'is-large', port: 'out' }, target: { node: 'large', port: 'in' } },
      { source: { node: 'is-large', port: 'rejected' }, target: { node: 'batches', port: 'in' } },
    ],
  },
  {
    symbia: '1.0',
    name: 'Heartbeat',
    version: '1.0.0',
    description: 'A timer that ticks, so that something is to be seen at once.',
    nodes: [
      { id: 'tick', component: 'symbia.source.timer', config: { intervalMs: 250 } },
      { id: 'beat', component: 'symbia.core.map', config: { expression: '({ at: value, ok: true })' } },
      { id: 'log', component: 'symbia.core.logger', config: { message: 'beat' } },
    ],
    edges: [
      { source: { node: 'tick', port: 'out' }, target: { node: 'beat', port: 'in' } },
      { source: { node: 'beat', port: 'out' }, target: { node: 'log', port: 'in' } },
    ],
  },
];
