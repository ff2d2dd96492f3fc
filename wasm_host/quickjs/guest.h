/* What the files of the QuickJS guest share. One instance runs one program: its state is global. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"
#include "symbia.h"

enum guest_phase { PHASE_SOURCE, PHASE_INITIALIZE, PHASE_PROCESS, PHASE_CLEANUP };
enum program_mode { MODE_HANDLER, MODE_MAP, MODE_TEST };

struct guest_limits {
    uint32_t emissions;
    uint32_t output_bytes;
    uint32_t log_lines;
    uint32_t log_bytes;
    uint32_t state_keys;
    uint32_t state_bytes;
};

struct guest {
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
};

extern struct guest guest;

/* wasi.c */
void clock_set_ns(uint64_t ns);
void clock_set_ms(double ms);

/* memory.c */
extern const JSMallocFunctions memory_functions;
void *memory_take(size_t size);              /* traps when there is none: for what the shim cannot do without */
void memory_give(void *pointer);

/* output.c */
extern struct symbia_status status;
void output_begin_call(void);
void output_begin_message(void);
void output_close_message(void);
size_t output_length(void);
uint32_t output_records(void);                          /* of this call */
void output_record(enum symbia_kind kind, uint16_t port, const void *payload, size_t length);
int output_emit(uint16_t port, JSValueConst value);     /* -1 with an exception */
int output_forward(uint16_t port);
void output_log(const char *level, JSValueConst message, JSValueConst meta);
void output_error(JSValueConst error);
char *json_text(JSValueConst value, size_t *length);    /* NULL with an exception; free with js_free */

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

/* program.c */
int program_load(char *source, size_t length, const char *entrypoint, const char *filename);
JSValue jobs_run(void);                                 /* all of them; the first exception, or JS_UNINITIALIZED */
JSValue settle(JSValue result);                         /* runs all promise jobs; owns and answers the result */
void rejections_clear(void);
JSValue rejections_first(void);                         /* JS_UNDEFINED when there is none */
bool rejections_any(void);
void rejections_track(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque);

#endif
