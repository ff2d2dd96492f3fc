import { describe, expect, it } from 'vitest';

import { continued } from './rates';

describe('continued', () => {
  it('makes rates of counts', () => {
    const first = continued(undefined, 10, 0);
    expect(first.rates).toEqual([]);
    expect(continued(continued(first, 30, 2000), 30, 3000).rates).toEqual([10, 0]);
  });
  it('begins anew where the count does, and keeps no more than it shows', () => {
    expect(continued(continued(undefined, 5, 0), 1, 10).rates).toEqual([]);
    let course = continued(undefined, 0, 0);
    for (let turn = 1; turn < 100; turn += 1) course = continued(course, turn, turn * 1000);
    expect(course.rates).toHaveLength(40);
  });
});
