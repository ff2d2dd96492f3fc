/* The exports of the QuickJS guest: open, process, flush, close. The contract stands in symbia.h. */
#include <string.h>

#include "context.h"
#include "document.h"
#include "limit.h"
#include "memory.h"
#include "message.h"
#include "output.h"
#include "program.h"
#include "state.h"
#include "wasi.h"
#include "ways.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

enum {
    SHADOW_STACK_FOR_JAVASCRIPT = 640 * 1024,   /* of the 1 MiB that the linker lays out */
    GC_THRESHOLD = 1024 * 1024,
};

int32_t EXPORT(symbia_abi)(void)
{
    return SYMBIA_ABI;
}

uint32_t EXPORT(symbia_status)(void)
{
    return (uint32_t)(uintptr_t)&status;
}

uint32_t EXPORT(symbia_awaited)(void)
{
    return (uint32_t)(uintptr_t)&is_awaited;
}

uint32_t EXPORT(symbia_input)(uint32_t capacity)
{
    memory_give(input);
    input = memory_offer((size_t)capacity + 1);
    return (uint32_t)(uintptr_t)input;
}

/* Small seeds differ in their low bits only; the generator behind Math.random wants them everywhere. */
static uint64_t scattered(uint64_t seed)
{
    seed += 0x9E3779B97F4A7C15u;
    seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9u;
    seed = (seed ^ seed >> 27) * 0x94D049BB133111EBu;
    return seed ^ seed >> 31;
}

/* QuickJS seeds Math.random from the clock when a context is made, so for that moment the clock shows the seed. */
static JSContext *new_context(JSRuntime *runtime, uint64_t seed, double now_ms)
{
    uint64_t microseconds = scattered(seed) >> 12;
    clock_set_ns(microseconds * 1000);
    JSContext *js = JS_NewContextRaw(runtime);
    clock_set_ms(now_ms);
    if (!js || JS_AddIntrinsicBaseObjects(js) || JS_AddIntrinsicDate(js) || JS_AddIntrinsicEval(js) ||
        JS_AddIntrinsicRegExp(js) || JS_AddIntrinsicJSON(js) || JS_AddIntrinsicProxy(js) ||
        JS_AddIntrinsicMapSet(js) || JS_AddIntrinsicTypedArrays(js) || JS_AddIntrinsicPromise(js) ||
        JS_AddIntrinsicWeakRef(js) || JS_AddIntrinsicAToB(js) || JS_AddPerformance(js))
        __builtin_trap();
    return js;
}

static bool call_lifecycle(JSValueConst function)
{
    if (JS_IsUndefined(function))
        return false;
    JSValueConst arguments[] = {guest->context};
    JSValue result = settle(JS_Call(guest->js, function, guest->handler, 1, arguments));
    JS_FreeValue(guest->js, result);
    return JS_IsException(result);
}

/* A replacement's initialize rebuilds what it caches; the state that it would write again is the host's. */
static bool initialize(bool restored)
{
    guest->phase = PHASE_INITIALIZE;
    bool threw = call_lifecycle(guest->initialize);
    if (restored && !threw)
        state_rollback();
    return threw;
}

/* State that another version of the program has left becomes what this one wants, where it says how. */
static bool migrate(JSValueConst state, JSValueConst version)
{
    JSContext *js = guest->js;
    if (JS_IsUndefined(guest->migrate) || !JS_IsString(version))
        return false;
    guest->phase = PHASE_INITIALIZE;
    JSValueConst arguments[] = {state, version};
    JSValue result = settle(JS_Call(js, guest->migrate, guest->handler, 2, arguments));
    bool threw = JS_IsException(result);
    if (!threw && (!JS_IsObject(result) || JS_IsArray(result) || JS_IsFunction(js, result))) {
        JS_ThrowTypeError(js, "migrate must return the state: an object with a value for each key");
        threw = true;
    }
    threw = threw || state_replace(result) < 0;
    JS_FreeValue(js, result);
    return threw;
}

static enum program_mode mode_in(JSValueConst document)
{
    size_t length;
    const char *mode = text_in(document, "mode", &length);
    enum program_mode found = strcmp(mode, "map") == 0    ? MODE_MAP
                              : strcmp(mode, "test") == 0 ? MODE_TEST
                                                          : MODE_HANDLER;
    JS_FreeCString(guest->js, mode);
    return found;
}

static void read_ports(JSValueConst document)
{
    guest->inputs = strings_in(document, "inputs", &guest->input_count);
    JSValue *outputs = strings_in(document, "outputs", &guest->output_count);
    guest->outputs = memory_take(guest->output_count * sizeof *guest->outputs);
    for (uint32_t i = 0; i < guest->output_count; i++) {
        guest->outputs[i] = JS_ValueToAtom(guest->js, outputs[i]);
        JS_FreeValue(guest->js, outputs[i]);
    }
    memory_give(outputs);
}

static void read_place(JSValueConst document)
{
    ways_read(document);
    guest->memory_limit = (size_t)number_or(document, "memoryBytes", 0);
    guest->value_limit = (size_t)number_or(document, "valueBytes", 0);
    JSValue ports = JS_GetPropertyStr(guest->js, document, "unheard");
    int64_t count = 0;
    if (JS_IsArray(ports))
        JS_GetLength(guest->js, ports, &count);
    for (int64_t i = 0; i < count; i++) {
        int32_t port = -1;
        JSValue number = JS_GetPropertyInt64(guest->js, ports, i);
        JS_ToInt32(guest->js, &port, number);
        JS_FreeValue(guest->js, number);
        if (port >= 0 && port < 64)
            guest->unheard |= (uint64_t)1 << port;
    }
    JS_FreeValue(guest->js, ports);
}

int32_t EXPORT(symbia_open)(uint32_t length)
{
    if (guest_count == SYMBIA_CHAIN_MOST)
        __builtin_trap();
    guest = &guests[guest_count];
    guest->index = guest_count++;
    guest->file = "component.js";
    guest->runtime = JS_NewRuntime2(&memory_functions, guest);
    if (!guest->runtime)
        __builtin_trap();
    json_begin(guest->runtime, &guest->json);
    JS_SetMaxStackSize(guest->runtime, SHADOW_STACK_FOR_JAVASCRIPT);
    JS_SetGCThreshold(guest->runtime, GC_THRESHOLD);
    JS_SetHostPromiseRejectionTracker(guest->runtime, rejections_track, NULL);

    struct symbia_open opening;
    memcpy(&opening, input, sizeof opening);
    char *text = input + sizeof opening;
    length -= sizeof opening;

    guest->failure = guest->context = guest->handler = guest->initialize = guest->cleanup = JS_UNDEFINED;
    guest->process = guest->flush = guest->next = guest->migrate = JS_UNDEFINED;
    JSContext *js = guest->js = new_context(guest->runtime, opening.seed, opening.now_ms);
    text[length] = 0;
    output_begin_call();
    message_begin();
    JSValue document = JS_ParseJSON(js, text, length, "<open>");
    if (JS_IsException(document)) {
        message_end(true);
        return 1;
    }

    size_t unused, source_length;
    guest->mode = mode_in(document);
    limits_read(document);
    read_ports(document);
    read_place(document);
    guest->config = JS_GetPropertyStr(js, document, "config");
    const char *source = text_in(document, "source", &source_length);
    const char *entrypoint = text_in(document, "entrypoint", &unused);
    const char *filename = text_in(document, "filename", &unused);
    bool restored = number_in(document, "restored") != 0;
    guest->warned_of_result = restored;     /* the instance has had its warning, if it wanted one */
    int check = (int)number_in(document, "check");      /* 1: compile only; 2: and try an expression */
    JSValue state = JS_GetPropertyStr(js, document, "state");
    JSValue parameters = JS_GetPropertyStr(js, document, "param");
    const char *execution_id = text_in(document, "executionId", &unused);
    const char *node_id = text_in(document, "nodeId", &unused);
    const char *instance_id = text_in(document, "instanceId", &unused);

    guest->phase = PHASE_SOURCE;
    bool is_refused = false;
    bool threw = context_install(execution_id, node_id, instance_id, parameters) < 0 || state_load(state) < 0;
    threw = threw || program_load((char *)source, source_length, entrypoint, filename) < 0;
    threw = threw || (check == 2 && guest->mode != MODE_HANDLER && !message_tried());
    if (!threw) {
        JSValue version = JS_GetPropertyStr(js, document, "migrateFrom");
        is_refused = !check && (migrate(state, version) || initialize(restored));
        JS_FreeValue(js, version);
    }
    JS_FreeValue(js, parameters);
    JS_FreeValue(js, state);
    JS_FreeValue(js, document);
    JS_FreeCString(js, source);
    if (threw) {
        message_end(true);
        return 1;
    }
    if (!message_end(is_refused))
        return 2;
    return JS_IsUndefined(guest->flush) ? 0 : SYMBIA_OPENED_TO_FLUSH;
}

int32_t EXPORT(symbia_process)(uint32_t length)
{
    const struct symbia_batch *batch = (const void *)input;
    const char *ports = input + sizeof *batch;
    uint32_t count = batch->count;
    const char *lengths = ports + count * sizeof(uint32_t);
    char *text = (char *)lengths + count * sizeof(uint32_t);
    (void)length;

    guest->phase = PHASE_PROCESS;
    clock_set_ms(batch->now_ms);
    output_begin_call();
    is_awaited = false;
    for (uint32_t i = 0; i < count && output_length() < RETURN_EARLY_AT &&
                         output_records() < RETURN_EARLY_AT_RECORDS && !(i && is_awaited); i++) {
        uint32_t port, value_length;
        memcpy(&port, ports + i * sizeof port, sizeof port);
        memcpy(&value_length, lengths + i * sizeof value_length, sizeof value_length);
        message_process(text, value_length, port);
        text += value_length;
    }
    return 0;
}

int32_t EXPORT(symbia_select)(uint32_t index)
{
    if (index >= guest_count)
        return 1;
    guest = &guests[index];
    return 0;
}

int32_t EXPORT(symbia_flush)(uint32_t length)
{
    const struct symbia_batch *batch = (const void *)input;
    (void)length;
    guest->phase = PHASE_PROCESS;
    clock_set_ms(batch->now_ms);
    output_begin_call();
    message_begin();
    message_end(call_lifecycle(guest->flush));
    return 0;
}

/* Milliseconds until a source is asked again, of what its next has returned; or -1: nothing more comes. */
static bool read_pause(JSValueConst result, int32_t *pause_ms)
{
    JSContext *js = guest->js;
    double number = 0;
    *pause_ms = 0;
    if (JS_IsUndefined(result) || JS_IsNull(result))
        return true;
    if (JS_IsBool(result)) {
        *pause_ms = JS_ToBool(js, result) ? 0 : SYMBIA_NO_MORE;
        return true;
    }
    if (JS_IsNumber(result) && JS_ToFloat64(js, &number, result) == 0 && number >= 0) {
        *pause_ms = number > SYMBIA_LONGEST_PAUSE_MS ? SYMBIA_LONGEST_PAUSE_MS : (int32_t)number;
        return true;
    }
    JS_ThrowTypeError(js, "next returns false at the end, milliseconds to be asked again after these, or nothing");
    return false;
}

int32_t EXPORT(symbia_next)(uint32_t length)
{
    const struct symbia_batch *batch = (const void *)input;
    JSContext *js = guest->js;
    int32_t pause_ms = 0;
    (void)length;
    guest->phase = PHASE_PROCESS;
    clock_set_ms(batch->now_ms);
    output_begin_call();
    message_begin();
    bool threw;
    if (JS_IsUndefined(guest->next)) {
        JS_ThrowTypeError(js, "the component is a source, and its handler has no function next");
        threw = true;
    } else {
        JSValueConst arguments[] = {guest->context};
        JSValue result = settle(JS_Call(js, guest->next, guest->handler, 1, arguments));
        threw = JS_IsException(result) || !read_pause(result, &pause_ms);
        JS_FreeValue(js, result);
    }
    message_end(threw);
    return threw ? 0 : pause_ms;
}

int32_t EXPORT(symbia_close)(void)
{
    guest->phase = PHASE_CLEANUP;
    output_begin_call();
    message_begin();
    message_end(call_lifecycle(guest->cleanup));
    return 0;
}
