import { describe, expect, it } from 'vitest';

import { offered, type Known } from './completion';
import {
  BEGINNINGS, BLANK, caseOf, EMPTY_CASE, fileOf, inLanguage, nextVersion, portsNamed, rowOf, rowsOfFile, stepsOf,
} from './draft';

const KNOWN: Known = { outputs: ['out', 'late'], inputs: ['in'], config: ['start'] };
const labels = (before: string): string[] | undefined => offered(before, KNOWN)?.choices.map((each) => each.label);

describe('offered', () => {
  it('knows ctx, its ports and its configuration', () => {
    expect(labels('  ctx.')).toContain('setState');
    expect(labels("  ctx.emit('")).toEqual(['out', 'late']);
    expect(labels('  ctx.config.st')).toEqual(['start']);
    expect(labels("  if (port === '")).toEqual(['in']);
    expect(labels("ctx.log('")).toEqual(['debug', 'info', 'warn', 'error']);
  });
  it('begins where the word begins', () => {
    expect(offered('  ctx.em', KNOWN)?.from).toBe(6);
  });
  it('has nothing for what is not ours', () => {
    expect(offered('const other.', KNOWN)).toBeUndefined();
  });
});

describe('draft', () => {
  it('keeps the schemas of ports that stay', () => {
    const before = [{ name: 'in', schema: { type: 'number' } }, 'other'];
    expect(portsNamed('in, new in', before)).toEqual([before[0], { name: 'new' }]);
  });
  it('changes the beginning with the language, and leaves what was written', () => {
    const typed = inLanguage(BLANK, 'typescript');
    expect(typed.execution.source).toBe(BEGINNINGS.typescript);
    const own = { ...BLANK, execution: { ...BLANK.execution, source: 'mine' } };
    expect(inLanguage(own, 'typescript').execution.source).toBe('mine');
  });
  it('counts a version up', () => {
    expect([nextVersion('1.4.9'), nextVersion('beta')]).toEqual(['1.4.10', 'beta']);
  });
  it('keeps what the table of cases has no column for', () => {
    const one = { name: 'a', send: [{ in: 1 }], expect: { out: [1] }, state: { n: 1 }, flush: true };
    expect(caseOf(rowOf(one))).toEqual(one);
  });
  it('names the cell that is no JSON', () => {
    expect(() => caseOf({ ...EMPTY_CASE, expect: '{' })).toThrow(/^expect: /);
  });
  it('writes cases to a file and reads them again', () => {
    const rows = [{ ...EMPTY_CASE, name: 'one' }];
    expect(rowsOfFile(fileOf(BLANK, rows)).map(caseOf)).toEqual(rows.map(caseOf));
  });
  it('makes steps of samples', () => {
    expect(stepsOf([{ port: 'in', text: '[1]' }])).toEqual([{ in: [1] }]);
  });
});
