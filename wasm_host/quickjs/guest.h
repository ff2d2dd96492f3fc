/* What the files of the QuickJS guest share.
 *
 * A guest runs one program, or a chain of them (chain.c). Each has a QuickJS runtime of its own, so that programs share
 * no object, no atom, no job and no garbage collector; what they share is this file's code, which runs one of them
 * at a time: `guest`.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_limits.h"   /* made by build.py from wasm_host/limits.py */
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

/* Values on their way into one program of a chain: each its length, its text, and a byte for the parser. */
struct queue {
    char *buffer;
    size_t capacity, length;
    size_t at;              /* the first that was not taken */
    uint32_t values;        /* put since the queue was last empty */
};

enum { NO_PORT = 0xFFFF };

struct guest {
    uint32_t index;         /* its place in the chain */
    uint16_t link;          /* the output port whose values go on to the next program, or NO_PORT */
    uint16_t entry;         /* the input port at which they come, in this one */
    uint64_t unheard;       /* a bit for each of the first 64 output ports whose values reach nobody */
    struct queue queue;     /* of what the program before this one emitted */
    size_t allocated;       /* bytes that the runtime holds */
    size_t memory_limit;    /* what it may hold; 0 where the linear memory is its own, and bounds it */

    JSRuntime *runtime;
    JSContext *js;
    enum guest_phase phase;
    enum program_mode mode;
    struct guest_limits limits;

    JSValue context;        /* the ctx object */
    JSValue config;
    JSValue handler;        /* `this` of its methods */
    JSValue process;        /* in the expression modes: (value, port, config) => result */
    JSValue initialize;
    JSValue cleanup;

    JSValue *inputs;        /* port names as strings */
    uint32_t input_count;
    JSAtom *outputs;        /* port names as atoms: comparing is comparing integers */
    uint32_t output_count;

    JSValue failure;        /* a limit that this invocation met: catching it does not help */

    struct state_table state;
    const char *file;       /* stands in stack traces */
    JSValue unhandled[16];  /* promises that were rejected, and that nobody has looked at yet */
    uint32_t unhandled_count;
};

extern struct guest guests[SYMBIA_CHAIN_MOST];
extern struct guest *guest;                  /* the one that runs */
extern uint32_t guest_count;

/* wasi.c */
void clock_set_ns(uint64_t ns);
void clock_set_ms(double ms);

/* memory.c */
extern const JSMallocFunctions memory_functions;
size_t memory_held(const void *pointer);
void *memory_take(size_t size);              /* traps when there is none: for what the shim cannot do without */
void *memory_offer(size_t size);             /* NULL when there is none */
void memory_give(void *pointer);

/* output.c */
extern struct symbia_status status;
void output_begin_call(void);
void output_begin_message(void);
void output_close_message(void);
size_t output_length(void);
uint32_t output_records(void);                          /* of this call */
uint32_t output_emissions(void);                        /* of this message */
void output_record(enum symbia_kind kind, uint16_t port, const void *payload, size_t length);
int output_emit(uint16_t port, JSValueConst value);     /* -1 with an exception */
int output_forward(uint16_t port);
void output_raw(enum symbia_kind kind, uint16_t port, const char *text, size_t length);   /* its bytes, untouched */
void mend_surrogates(char *text, size_t length);        /* in place */
void output_log(const char *level, JSValueConst message, JSValueConst meta);
void output_error(JSValueConst error);
char *json_text(JSValueConst value, size_t *length);    /* NULL with an exception; free with js_free */

/* chain.c */
struct invocation {
    const char *text;        /* the value that came in, as it came */
    size_t length;
    uint16_t port;
};
extern bool chain_is_under_way;                         /* this call passes values on */
extern bool chain_is_traced;                            /* and tells the host of each of them too */
extern struct invocation chain_invocation;
bool chain_emits(uint16_t port, const char *text, size_t length, bool is_own);  /* whether the host must hear of it */
void chain_settle(bool failed);                         /* an invocation ended: what it passed on stands, or is gone */

/* shim.c */
enum {
    RETURN_EARLY_AT = 4 * 1024 * 1024,          /* bytes of output after which the host takes over */
    RETURN_EARLY_AT_RECORDS = 4096,             /* the same for records, which the host reads in one go */
};
extern char *input;
void process_message(char *text, uint32_t length, uint32_t port);

/* state.c */
int state_load(JSValueConst values);
void state_begin(void);
void state_commit(void);                                /* writes STATE records */
void state_rollback(void);
JSValue state_get(JSValueConst key);
int state_set(JSValueConst key, JSValueConst value);

/* context.c */
int context_install(const char *execution_id, const char *node_id, const char *instance_id);
JSValue parse_value(char *text, size_t length);         /* text[length] is overwritten for a moment */
JSValue limit_error(const char *name, const char *what, const char *limit, uint32_t value);
#define LIMIT_ERROR(name, what, limit) limit_error(name, what, #limit, guest->limits.limit)

/* program.c */
int program_load(char *source, size_t length, const char *entrypoint, const char *filename);
JSValue jobs_run(void);                                 /* all of them; the first exception, or JS_UNINITIALIZED */
JSValue settle(JSValue result);                         /* runs all promise jobs; owns and answers the result */
void rejections_clear(void);
JSValue rejections_first(void);                         /* JS_UNDEFINED when there is none */
bool rejections_any(void);
void rejections_track(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque);

#endif
