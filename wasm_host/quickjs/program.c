/* The forms of a program: from source text to the functions that the guest calls.
 *
 * A handler's source is, in this order: an expression, a script, a function body, an ES module. What parses as one of
 * the first two never has a top-level `return`, and what has one parses as nothing else, so the order
 * of trying does not change what a source means. When nothing parses, the error that lies furthest in the text
 * is reported: it belongs to the form that understood most of it.
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* The wrappers put the author's text on a line of its own, numbered 1, so that positions are the author's. */
enum { WRAPPED_FIRST_LINE = -1, PLAIN_FIRST_LINE = 1 };

void rejections_track(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque)
{
    (void)reason, (void)opaque;
    if (!is_handled) {
        if (guest->unhandled_count < sizeof guest->unhandled / sizeof *guest->unhandled)
            guest->unhandled[guest->unhandled_count++] = JS_DupValue(js, promise);
        return;
    }
    for (uint32_t i = 0; i < guest->unhandled_count; i++) {
        if (!JS_IsStrictEqual(js, guest->unhandled[i], promise))
            continue;
        JS_FreeValue(js, guest->unhandled[i]);
        guest->unhandled[i] = guest->unhandled[--guest->unhandled_count];
        return;
    }
}

bool rejections_any(void)
{
    return guest->unhandled_count != 0;
}

JSValue rejections_first(void)
{
    return guest->unhandled_count ? JS_PromiseResult(guest->js, guest->unhandled[0]) : JS_UNDEFINED;
}

void rejections_clear(void)
{
    while (guest->unhandled_count)
        JS_FreeValue(guest->js, guest->unhandled[--guest->unhandled_count]);
}

/* Runs the queue of jobs to its end, also when one throws: nothing may be left for the next message.
 * Answers the first exception, or JS_UNINITIALIZED. */
JSValue jobs_run(void)
{
    JSContext *js = guest->js, *job_context;
    JSValue first = JS_UNINITIALIZED;
    while (JS_IsJobPending(guest->runtime)) {
        if (JS_ExecutePendingJob(guest->runtime, &job_context) >= 0)
            continue;
        JSValue thrown = JS_GetException(js);
        if (JS_IsUninitialized(first))
            first = thrown;
        else
            JS_FreeValue(js, thrown);
    }
    return first;
}

JSValue settle(JSValue result)
{
    JSContext *js = guest->js;
    if (JS_IsException(result)) {
        JSValue thrown = JS_GetException(js);
        JS_FreeValue(js, jobs_run());
        return JS_Throw(js, thrown);
    }
    JSValue thrown = jobs_run();
    if (!JS_IsUninitialized(thrown)) {
        JS_FreeValue(js, result);
        return JS_Throw(js, thrown);
    }
    if (!JS_IsPromise(result))
        return result;
    JSPromiseStateEnum state = JS_PromiseState(js, result);
    JSValue settled = JS_PromiseResult(js, result);
    if (state == JS_PROMISE_REJECTED)
        rejections_track(js, result, settled, true, NULL);
    JS_FreeValue(js, result);
    if (state == JS_PROMISE_FULFILLED)
        return settled;
    if (state == JS_PROMISE_REJECTED)
        return JS_Throw(js, settled);
    JS_FreeValue(js, settled);
    return JS_ThrowTypeError(js, "the returned promise never settles: "
                                 "nothing that could still resolve or reject it is left to run");
}

static JSValue compile(const char *before, const char *source, size_t length, const char *after, int flags)
{
    size_t before_length = strlen(before), after_length = strlen(after);
    size_t total = before_length + length + after_length;
    char *text = memory_take(total + 1);
    memcpy(text, before, before_length);
    memcpy(text + before_length, source, length);
    memcpy(text + before_length + length, after, after_length + 1);
    JSEvalOptions options = {
        .version = JS_EVAL_OPTIONS_VERSION,
        .eval_flags = flags | JS_EVAL_FLAG_COMPILE_ONLY,
        .filename = guest->file,
        .line_num = before_length ? WRAPPED_FIRST_LINE : PLAIN_FIRST_LINE,
    };
    JSValue code = JS_Eval2(guest->js, text, total, &options);
    memory_give(text);
    return code;
}

/* Where a syntax error lies, from the last ":line:column" of its first stack line; comparable as one number. */
static uint64_t position_of(JSValueConst error)
{
    JSValue stack = JS_GetPropertyStr(guest->js, error, "stack");
    const char *text = JS_ToCString(guest->js, stack);
    uint64_t line = 0, column = 0;
    if (text) {
        size_t end = strcspn(text, "\n");
        for (size_t i = 0; i < end; i++)
            if (text[i] == ':') {
                line = column;
                column = strtoul(text + i + 1, NULL, 10);
            }
    }
    JS_FreeCString(guest->js, text);
    JS_FreeValue(guest->js, stack);
    return line << 32 | column;
}

/* Of two syntax errors the further one; owns both. */
static JSValue further(JSValue one, JSValue other)
{
    bool keep = JS_IsUndefined(other) || (!JS_IsUndefined(one) && position_of(one) >= position_of(other));
    JS_FreeValue(guest->js, keep ? other : one);
    return keep ? one : other;
}

/* An expression must parse by itself: between parentheses and between brackets, so that it cannot close either. */
static JSValue compile_expression(const char *before, const char *source, size_t length, const char *after)
{
    JSValue alone = compile("[\n\n", source, length, "\n]", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(alone))
        return alone;
    JS_FreeValue(guest->js, alone);
    return compile(before, source, length, after, JS_EVAL_TYPE_GLOBAL);
}

static bool take_error(JSValueConst code, JSValue *worst)
{
    if (!JS_IsException(code))
        return false;
    *worst = further(*worst, JS_GetException(guest->js));
    return true;
}

static JSValue run(JSValue code)
{
    return settle(JS_EvalFunction(guest->js, code));
}

static JSValue named_entrypoint(const char *entrypoint)
{
    char text[300];
    size_t length = strlen(entrypoint);
    if (length > 100)
        return JS_ThrowRangeError(guest->js, "the entrypoint's name is too long");
    static const char head[] = "typeof ", middle[] = " === 'undefined' ? undefined : ";
    char *end = text;
    memcpy(end, head, sizeof head - 1), end += sizeof head - 1;
    memcpy(end, entrypoint, length), end += length;
    memcpy(end, middle, sizeof middle - 1), end += sizeof middle - 1;
    memcpy(end, entrypoint, length), end += length;
    *end = 0;
    return JS_Eval(guest->js, text, (size_t)(end - text), "<entrypoint>", JS_EVAL_TYPE_GLOBAL);
}

static JSValue run_script(JSValue code, const char *entrypoint)
{
    JSValue completion = run(code);
    if (JS_IsException(completion))
        return completion;
    JSValue named = named_entrypoint(entrypoint);
    if (JS_IsUndefined(named) && JS_IsObject(completion))
        return completion;   /* `(ctx) => ({...});` and 'use strict' before it: an expression in all but form */
    JS_FreeValue(guest->js, completion);
    return named;
}

static JSValue run_module(JSValue code, const char *entrypoint)
{
    JSContext *js = guest->js;
    JSModuleDef *module = JS_VALUE_GET_PTR(code);
    if (JS_ResolveModule(js, code) < 0) {
        JS_FreeValue(js, code);
        return JS_EXCEPTION;
    }
    JSValue done = run(code);
    if (JS_IsException(done))
        return done;
    JS_FreeValue(js, done);
    JSValue exports = JS_GetModuleNamespace(js, module);
    JSValue found = JS_GetPropertyStr(js, exports, entrypoint);
    if (JS_IsUndefined(found))
        found = JS_GetPropertyStr(js, exports, "default");
    JS_FreeValue(js, exports);
    return found;
}

/* Compiles and runs a handler's source, whichever form it has. */
static JSValue evaluate(const char *source, size_t length, const char *entrypoint)
{
    JSContext *js = guest->js;
    JSValue worst = JS_UNDEFINED, code;

    code = compile_expression("(\n\n", source, length, "\n)");
    if (!take_error(code, &worst)) {
        JS_FreeValue(js, worst);
        return run(code);
    }
    code = compile("", source, length, "", JS_EVAL_TYPE_GLOBAL);
    if (!take_error(code, &worst)) {
        JS_FreeValue(js, worst);
        return run_script(code, entrypoint);
    }
    code = compile("(function () {\n\n", source, length, "\n})", JS_EVAL_TYPE_GLOBAL);
    if (!take_error(code, &worst)) {
        JS_FreeValue(js, worst);
        JSValue body = run(code);
        if (JS_IsException(body))
            return body;
        JSValue result = settle(JS_Call(js, body, JS_UNDEFINED, 0, NULL));
        JS_FreeValue(js, body);
        return result;
    }
    code = compile("", source, length, "", JS_EVAL_TYPE_MODULE);
    if (!take_error(code, &worst)) {
        JS_FreeValue(js, worst);
        return run_module(code, entrypoint);
    }
    return JS_Throw(js, worst);
}

/* The engine keeps the numbers of these classes to itself, so they are asked for, once and when they matter. */
static JSClassID generator_function, async_generator_function, generator, async_generator;

static bool is_of(JSValueConst value, JSClassID *class, const char *example)
{
    if (!*class) {
        JSValue made = JS_Eval(guest->js, example, strlen(example), "<class>", JS_EVAL_TYPE_GLOBAL);
        if (JS_IsException(made))   /* for want of memory, of which the program will hear itself */
            JS_FreeValue(guest->js, JS_GetException(guest->js));
        *class = JS_GetClassID(made);
        JS_FreeValue(guest->js, made);
    }
    return *class && JS_GetClassID(value) == *class;
}

static bool is_generator_function(JSValueConst value)
{
    return JS_IsFunction(guest->js, value) && (is_of(value, &generator_function, "(function* () {})") ||
                                               is_of(value, &async_generator_function, "(async function* () {})"));
}

static bool is_generator(JSValueConst value)
{
    return is_of(value, &generator, "(function* () {})()") || is_of(value, &async_generator, "(async function* () {})()");
}

static JSValue no_generator(const char *name)
{
    return JS_ThrowTypeError(guest->js, "the handler's %s is a generator function, and calling one runs nothing of it: "
                                        "make it a plain or an async function, and emit each value", name);
}

/* A function is no value, and true whatever it would answer; a generator is a promise to run that nobody keeps. */
int refuse_result(JSValueConst result)
{
    JSContext *js = guest->js;
    const char *message;
    if (guest->mode != MODE_HANDLER && JS_IsFunction(js, result)) {
        message = "the expression yields a function: call it, or leave away what stands before its =>";
    } else if (!is_generator(result)) {
        return 0;
    } else if (guest->mode == MODE_HANDLER) {
        message = "process returned a generator, and nothing runs it: emit each value instead";
    } else {
        message = "the expression yields a generator, and nothing runs it: make it an array, as [...it] does";
    }
    JSValue error = JS_NewError(js);
    JS_DefinePropertyValueStr(js, error, "name", JS_NewString(js, "ResultError"), 0);
    JS_DefinePropertyValueStr(js, error, "message", JS_NewString(js, message), 0);
    JS_Throw(js, error);
    return -1;
}

static JSValue method(JSValueConst handler, const char *name)
{
    JSValue found = JS_GetPropertyStr(guest->js, handler, name);
    if (JS_IsException(found))
        return found;
    if (is_generator_function(found)) {
        JS_FreeValue(guest->js, found);
        return no_generator(name);
    }
    if (JS_IsFunction(guest->js, found))
        return found;
    bool absent = JS_IsUndefined(found) || JS_IsNull(found);
    JS_FreeValue(guest->js, found);
    return absent ? JS_UNDEFINED : JS_ThrowTypeError(guest->js, "the handler's %s is not a function", name);
}

static int64_t parameter_count(JSValueConst function)
{
    JSValue length = JS_GetPropertyStr(guest->js, function, "length");
    int64_t count = 0;
    JS_ToInt64(guest->js, &count, length);
    JS_FreeValue(guest->js, length);
    return count;
}

static int adopt(JSValue handler)
{
    guest->handler = handler;
    guest->process = method(handler, "process");
    guest->initialize = method(handler, "initialize");
    guest->flush = method(handler, "flush");
    guest->next = method(handler, "next");
    guest->cleanup = method(handler, "cleanup");
    guest->migrate = method(handler, "migrate");
    if (JS_IsException(guest->process) || JS_IsException(guest->initialize) || JS_IsException(guest->flush) ||
        JS_IsException(guest->next) || JS_IsException(guest->cleanup) || JS_IsException(guest->migrate))
        return -1;
    return 0;
}

static int no_handler(const char *entrypoint)
{
    JS_ThrowTypeError(guest->js,
                      "no handler: the source must return an object with a process function, be an expression "
                      "for one, or define or export '%s'", entrypoint);
    return -1;
}

/* A handler object, a function that is its process (two parameters or more), or a factory for one. */
static int adopt_anything(JSValue value, const char *entrypoint, bool from_factory)
{
    JSContext *js = guest->js;
    if (JS_IsException(value))
        return -1;
    if (!JS_IsObject(value)) {
        JS_FreeValue(js, value);
        return no_handler(entrypoint);
    }
    JSValue process = method(value, "process");
    if (JS_IsException(process)) {
        JS_FreeValue(js, value);
        return -1;
    }
    JSValue next = method(value, "next");
    if (JS_IsException(next)) {
        JS_FreeValue(js, process);
        JS_FreeValue(js, value);
        return -1;
    }
    bool is_handler = JS_IsFunction(js, process) || JS_IsFunction(js, next);     /* a source need take no messages */
    JS_FreeValue(js, process);
    JS_FreeValue(js, next);
    if (is_handler)
        return adopt(value);
    if (!JS_IsFunction(js, value)) {
        JS_FreeValue(js, value);
        return no_handler(entrypoint);
    }
    if (is_generator_function(value)) {
        JS_FreeValue(js, value);
        no_generator("process");
        return -1;
    }
    if (from_factory || parameter_count(value) >= 2) {
        guest->process = value;
        return 0;
    }
    JSValueConst arguments[] = {guest->context};
    JSValue made = settle(JS_Call(js, value, JS_UNDEFINED, 1, arguments));
    JS_FreeValue(js, value);
    return adopt_anything(made, entrypoint, true);
}

int program_load(char *source, size_t length, const char *entrypoint, const char *filename)
{
    guest->file = filename;
    if (guest->mode == MODE_HANDLER)
        return adopt_anything(evaluate(source, length, entrypoint), entrypoint, false);
    JSValue code = compile_expression("(function (value, port, config) { return (\n\n", source, length, "\n); })");
    guest->process = JS_IsException(code) ? JS_EXCEPTION : run(code);
    return JS_IsException(guest->process) ? -1 : 0;
}
