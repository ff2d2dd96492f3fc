/** Rates out of counts that are asked for again and again. Pure. */
export interface Reading {
  count: number;
  ms: number;
}

export interface Course {
  last: Reading;
  rates: number[];
}

const KEPT = 40;

/** The course of one count after another reading; a count that begins anew begins the line anew. */
export function continued(course: Course | undefined, count: number, ms: number): Course {
  if (!course || count < course.last.count) return { last: { count, ms }, rates: [] };
  const seconds = (ms - course.last.ms) / 1000;
  if (seconds <= 0) return course;
  return { last: { count, ms }, rates: [...course.rates, (count - course.last.count) / seconds].slice(-KEPT) };
}
