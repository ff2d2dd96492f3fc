/** A document with all that it has been: undo and redo without end. */
import type { GraphDoc } from './document';

export class History {
  #past = $state.raw<GraphDoc[]>([]);
  #future = $state.raw<GraphDoc[]>([]);
  #present = $state.raw<GraphDoc>() as GraphDoc;
  #saved = $state.raw<GraphDoc>() as GraphDoc;
  #merging = '';

  constructor(document: GraphDoc) {
    this.#present = document;
    this.#saved = document;
  }

  get document(): GraphDoc {
    return this.#present;
  }
  get canUndo(): boolean {
    return this.#past.length > 0;
  }
  get canRedo(): boolean {
    return this.#future.length > 0;
  }
  get isChanged(): boolean {
    return this.#present !== this.#saved;
  }

  /** Go on with another document. Changes of one kind that follow each other, such as typing in one field, are one. */
  change(document: GraphDoc, kind = ''): void {
    if (document === this.#present) return;
    if (!kind || kind !== this.#merging) this.#past = [...this.#past, this.#present];
    this.#merging = kind;
    this.#future = [];
    this.#present = document;
  }
  undo(): void {
    const before = this.#past.at(-1);
    if (before === undefined) return;
    this.#past = this.#past.slice(0, -1);
    this.#future = [...this.#future, this.#present];
    this.#present = before;
    this.#merging = '';
  }
  redo(): void {
    const after = this.#future.at(-1);
    if (after === undefined) return;
    this.#future = this.#future.slice(0, -1);
    this.#past = [...this.#past, this.#present];
    this.#present = after;
    this.#merging = '';
  }
  /** This document is what the service has; what was changed since is not. */
  markSaved(document: GraphDoc): void {
    this.#saved = document;
    this.#merging = '';
  }
}
