// Types of components of symbia-runtime, written by `symbia-runtime types`.
// An editor that finds this file beside a component checks and completes it; the runtime itself takes types away.

/** What components see. There are no timers, no fetch and no modules; console, atob and btoa are there. */
declare namespace symbia {
  /** What a value can be. */
  type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

  type Level = "debug" | "info" | "warn" | "error";

  /**
   * The place of a component: its node, its configuration, and what it may do.
   *
   * Each function works without its context, too: `const { emit } = ctx`.
   *
   * Config: the node's configuration. Output: the names of the output ports. State: what is kept, by its keys.
   */
  interface Context<
    Config = { readonly [key: string]: any },
    Output extends string = string,
    State extends { [key: string]: any } = { [key: string]: any },
  > {
    readonly executionId: string;
    readonly nodeId: string;
    readonly instanceId: string;
    /** The node's configuration, with the defaults. */
    readonly config: Config;
    /** Send a value to an output port. */
    emit(port: Output, value: unknown): void;
    /** Send several values to an output port. */
    emitBatch(port: Output, values: readonly unknown[]): void;
    /** What was last set, a fresh copy each time; undefined where nothing was. It may be awaited. */
    getState<Key extends keyof State & string>(key: Key): State[Key] | undefined;
    /** Keep a JSON value; undefined deletes it. */
    setState<Key extends keyof State & string>(key: Key, value: State[Key] | undefined): void;
    log(level: Level, message: string, meta?: unknown): void;
  }

  /** A component. What its functions return means nothing, but that promises are awaited. */
  interface Handler<Ctx = Context, Value = any> {
    /** Called once, first. An error here fails the execution. */
    initialize?(ctx: Ctx): unknown;
    /** Called for each message; `port` is the name of the input port. An error here is one of the message. */
    process(ctx: Ctx, port: string, value: Value): unknown;
    /**
     * Called of a source (`source: true`) as long as there is room, in the place of `process`. Return milliseconds
     * to be called again after these, `false` when nothing more comes, and otherwise nothing.
     */
    next?(ctx: Ctx): number | boolean | null | void | Promise<number | boolean | null | void>;
    /** The last word: called once when no further message comes. What it emits goes its way. */
    flush?(ctx: Ctx): unknown;
    /** Called once at the end, whatever that is. What it emits is ignored. */
    cleanup?(ctx: Ctx): unknown;
  }

  /** The function that is a whole component, where it needs no other. */
  type Process<Ctx = Context, Value = any> = (ctx: Ctx, port: string, value: Value) => unknown;
}

/** The parameters of the graph in which the component is used, where it has some. */
declare const param: { readonly [name: string]: any };
