/* What the files of the QuickJS guest share.
 *
 * A guest runs one program, or a chain of them (chain.c). Each has a QuickJS runtime of its own, so that programs share
 * no object, no atom, no job and no garbage collector; what they share is this file's code, which runs one of them
 * at a time: `guest`.
 *
 * The files, lowest first: each includes only those above it in this list, and a test holds that.
 *
 *   symbia.h      the contract with the host: exports, records, status block
 *   json.h        our reader and writer of JSON, within QuickJS
 *   json_scan.h   what they share: finding the end of plain text, or of a container
 *   json_borrow.h  containers that nobody has looked at, and the texts that they borrow
 *   json_steps.h  from the shape of an object to the next one, by keys
 *   json_digits.h  from numbers to digits, and back
 *   json_read_scalars.h   from text to numbers and strings
 *   json_read.h   from text to values
 *   json_unread.h  the first look at a value
 *   json_write_scalars.h  from numbers and strings to text
 *   json_write.h  from values to text
 *   engine.c      QuickJS itself, with these behind it
 *   guest.c       the programs and what each of them has; the input and the status block
 *   wasi.c        the outside world of the C library: a clock, and nothing else
 *   memory.c      QuickJS's allocator, and the bound of each program of a chain
 *   values.c      values on their way in and out: from JSON text, and to it
 *   document.c    members of the open document
 *   limit.c       what a program may use, and the error of what goes beyond
 *   ways.c        the ways between the programs of a chain
 *   link.c        values on these ways
 *   output.c      the record stream
 *   locale.c      languages, of which there are none
 *   state.c       the instance's state
 *   context.c     ctx and console
 *   program.c     from source text to the functions that are called; promise jobs and rejections
 *   message.c     one invocation: a transaction
 *   relay.c       programs of a chain that are none: they hand on what comes
 *   chain.c       the export that takes messages through all programs
 *   exports.c     the other exports: open, process, flush, close
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_limits.h"   /* made by build.py from wasm_host/limits.py */
#include "json.h"
#include "quickjs.h"
#include "symbia.h"

enum guest_phase { PHASE_SOURCE, PHASE_INITIALIZE, PHASE_PROCESS, PHASE_CLEANUP };
enum program_mode { MODE_HANDLER, MODE_MAP, MODE_TEST };

#define LIMIT_MEMBER(name, key) uint32_t name;
struct guest_limits { QUICKJS_LIMITS(LIMIT_MEMBER) };

/* The instance's state; state.c. */
struct state_table {
    struct entry *entries;
    uint32_t count, capacity;
    uint32_t present;       /* entries with a text */
    uint32_t dirty;
    size_t total_bytes;
};

/* Values on their way into one program of a chain: each a frame (link.c), its text, and a byte for the parser. */
struct queue {
    char *buffer;
    size_t capacity, length;
    size_t at;              /* the first that was not taken */
};

struct guest {
    uint32_t index;         /* its place in the chain */
    uint32_t rank;          /* of the programs that have something, the one of the highest rank is next */
    uint32_t first_outlet, outlet_count;    /* its outlets (ways.c) */
    uint64_t unheard;       /* a bit for each of the first 64 output ports whose values reach nobody */
    struct queue queue;     /* of what the programs before this one passed on to it */
    size_t allocated;       /* bytes that the runtime holds */
    size_t value_limit;     /* bytes of a value that it passes on; 0 for no limit */
    size_t memory_limit;    /* what it may hold; 0 where the linear memory is its own, and bounds it */

    uint16_t *relayed;      /* of what only hands values on: the output of each input; it has nothing below */
    uint32_t relayed_count;

    JSRuntime *runtime;
    JSContext *js;
    struct json json;       /* what reading and writing values keep */
    enum guest_phase phase;
    enum program_mode mode;
    struct guest_limits limits;

    JSValue context;        /* the ctx object */
    JSValue config;
    JSValue handler;        /* `this` of its methods */
    JSValue process;        /* in the expression modes: (value, port, config) => result */
    JSValue initialize;
    JSValue flush;
    JSValue next;
    JSValue cleanup;
    JSValue migrate;

    JSValue *inputs;        /* port names as strings */
    uint32_t input_count;
    JSAtom *outputs;        /* port names as atoms: comparing is comparing integers */
    uint32_t output_count;

    JSValue failure;        /* a limit that this invocation met: catching it does not help */

    struct state_table state;
    const char *file;       /* stands in stack traces */
    bool warned_of_locale, warned_of_result;
    JSValue unhandled[16];  /* promises that were rejected, and that nobody has looked at yet */
    uint32_t unhandled_count;
};

extern struct guest guests[SYMBIA_CHAIN_MOST];
extern struct guest *guest;                  /* the one that runs */
extern uint32_t guest_count;
extern char *input;                          /* what the host wrote for this call */
extern struct symbia_status status;
extern volatile uint32_t is_awaited;         /* set by the host, where the call has taken long: return soon */

#endif
