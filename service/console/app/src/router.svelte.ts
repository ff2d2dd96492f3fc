/** Where the console is, as the part of the address behind `#`: every view has an address that can be shared, and
 * the page works below any path. */

export interface Place {
  /** `home`, `graph`, `execution`, `components`; anything else is no view. */
  view: string;
  id: string;
  query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view = '', id = ''] = path.split('/');
  return { view: view || 'home', id: decodeURIComponent(id), query: new URLSearchParams(query) };
}

export function address(view: string, id = '', query: Record<string, string> = {}): string {
  const asked = new URLSearchParams(query).toString();
  return `#/${view === 'home' ? '' : view}${id ? `/${encodeURIComponent(id)}` : ''}${asked ? `?${asked}` : ''}`;
}

export const here = $state({ place: placeOf(location.hash) });

/** Asked before another view takes the place of this one; false keeps it. */
export const leaving: { mayLeave: () => boolean } = { mayLeave: () => true };

addEventListener('hashchange', (event) => {
  const next = placeOf(location.hash);
  const isOther = next.view !== here.place.view || next.id !== here.place.id;
  if (isOther && !leaving.mayLeave()) {
    history.replaceState(null, '', new URL(event.oldURL).hash);
    return;
  }
  here.place = next;
});

/** Change what the address says beside the view, without a new entry in the history. */
export function note(query: Record<string, string>): void {
  const { view, id } = here.place;
  history.replaceState(null, '', address(view, id, query));
  here.place = placeOf(location.hash);
}
