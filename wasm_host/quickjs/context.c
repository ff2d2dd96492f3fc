/* What a program finds in its world: the ctx object and console. */
#include "context.h"

#include <string.h>

#include "locale.h"
#include "output.h"
#include "state.h"

static bool emitting_is_allowed(void)
{
    switch (guest->phase) {
    case PHASE_SOURCE:
    case PHASE_INITIALIZE:
    case PHASE_PROCESS:
        return true;
    default:
        JS_ThrowTypeError(guest->js, "cleanup cannot emit: the instance is being closed and nobody receives it");
        return false;
    }
}

static JSValue undeclared_port(JSValueConst port)
{
    JSContext *js = guest->js;
    char declared[512];
    size_t length = 0;
    declared[0] = 0;
    for (uint32_t i = 0; i < guest->output_count; i++) {
        const char *name = JS_AtomToCString(js, guest->outputs[i]);
        size_t name_length = name ? strlen(name) : 0;
        if (length + name_length + 3 < sizeof declared) {
            if (length) {
                memcpy(declared + length, ", ", 2);
                length += 2;
            }
            memcpy(declared + length, name, name_length);
            length += name_length;
            declared[length] = 0;
        }
        JS_FreeCString(js, name);
    }
    const char *name = JS_ToCString(js, port);
    if (!name)
        return JS_EXCEPTION;
    JS_ThrowTypeError(js, "no output port named '%.100s'; declared outputs: %s", name,
                      length ? declared : "(none)");
    JS_FreeCString(js, name);
    return JS_EXCEPTION;
}

/* The index of an output port, or -1 with an exception. */
static int output_of(JSValueConst port)
{
    JSAtom atom = JS_ValueToAtom(guest->js, port);
    if (atom == JS_ATOM_NULL)
        return -1;
    JS_FreeAtom(guest->js, atom);   /* the declared names keep theirs alive: comparing stays right */
    for (uint32_t i = 0; i < guest->output_count; i++)
        if (guest->outputs[i] == atom)
            return (int)i;
    undeclared_port(port);
    return -1;
}

static JSValue emit(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)js, (void)this_value, (void)argc;
    if (!emitting_is_allowed())
        return JS_EXCEPTION;
    int port = output_of(argv[0]);
    if (port < 0 || output_emit((uint16_t)port, argv[1]) < 0)
        return JS_EXCEPTION;
    return JS_UNDEFINED;
}

static JSValue emit_batch(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value, (void)argc;
    if (!emitting_is_allowed())
        return JS_EXCEPTION;
    int port = output_of(argv[0]);
    if (port < 0)
        return JS_EXCEPTION;
    if (!JS_IsArray(argv[1]))
        return JS_ThrowTypeError(js, "emitBatch takes a port and an array of values");
    int64_t length;
    if (JS_GetLength(js, argv[1], &length) < 0)
        return JS_EXCEPTION;
    for (int64_t i = 0; i < length; i++) {
        JSValue value = JS_GetPropertyInt64(js, argv[1], i);
        if (JS_IsException(value))
            return value;
        int result = output_emit((uint16_t)port, value);
        JS_FreeValue(js, value);
        if (result < 0)
            return JS_EXCEPTION;
    }
    return JS_UNDEFINED;
}

static JSValue get_state(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)js, (void)this_value, (void)argc;
    return state_get(argv[0]);
}

static JSValue set_state(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)js, (void)this_value, (void)argc;
    return state_set(argv[0], argv[1]) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static const char *const levels[] = {"debug", "info", "warn", "error"};

static const char *level_of(JSValueConst level)
{
    const char *chosen = "info";
    const char *given = JS_IsString(level) ? JS_ToCString(guest->js, level) : NULL;
    if (!given)
        return chosen;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(given, levels[i]) == 0)
            chosen = levels[i];
    if (strcmp(given, "warning") == 0)
        chosen = "warn";
    JS_FreeCString(guest->js, given);
    return chosen;
}

/* A logged value as people want to read it: text as it is, everything else as JSON where that is possible. */
static JSValue readable(JSValueConst value)
{
    JSContext *js = guest->js;
    if (JS_IsString(value))
        return JS_DupValue(js, value);
    if (JS_IsObject(value) && !JS_IsError(value) && !JS_IsFunction(js, value)) {
        JSValue text = JS_JSONStringify(js, value, JS_UNDEFINED, JS_UNDEFINED);
        if (JS_IsString(text))
            return text;
        if (JS_IsException(text))
            JS_FreeValue(js, JS_GetException(js));
        JS_FreeValue(js, text);
    }
    return JS_ToString(js, value);
}

static JSValue log_line(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value, (void)argc;
    JSValue message = readable(argv[1]);
    if (JS_IsException(message))
        return message;
    output_log(level_of(argv[0]), message, argv[2]);
    JS_FreeValue(js, message);
    return JS_UNDEFINED;
}

static JSValue console_line(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv, int magic)
{
    (void)this_value;
    JSValue line = JS_NewString(js, "");
    for (int i = 0; i < argc; i++) {
        JSValue part = readable(argv[i]);
        if (JS_IsException(part)) {
            JS_FreeValue(js, line);
            return part;
        }
        size_t left_length, right_length;
        const char *left = JS_ToCStringLen(js, &left_length, line);
        const char *right = JS_ToCStringLen(js, &right_length, part);
        char *joined = left && right ? js_malloc(js, left_length + right_length + 1) : NULL;
        if (joined) {
            memcpy(joined, left, left_length);
            if (i)
                joined[left_length] = ' ';
            memcpy(joined + left_length + (i ? 1 : 0), right, right_length);
        }
        JS_FreeCString(js, left);
        JS_FreeCString(js, right);
        JS_FreeValue(js, part);
        JS_FreeValue(js, line);
        if (!joined)
            return JS_EXCEPTION;
        line = JS_NewStringLen(js, joined, left_length + right_length + (i ? 1 : 0));
        js_free(js, joined);
        if (JS_IsException(line))
            return line;
    }
    output_log(levels[magic], line, JS_UNDEFINED);
    JS_FreeValue(js, line);
    return JS_UNDEFINED;
}

static void install_console(JSValueConst global)
{
    static const struct { const char *name; int level; } methods[] = {
        {"debug", 0}, {"log", 1}, {"info", 1}, {"warn", 2}, {"error", 3},
    };
    JSContext *js = guest->js;
    JSValue console = JS_NewObject(js);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        JS_SetPropertyStr(js, console, methods[i].name,
                          JS_NewCFunctionMagic(js, console_line, methods[i].name, 0, JS_CFUNC_generic_magic,
                                               methods[i].level));
    JS_DefinePropertyValueStr(js, global, "console", console, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
}

static void set_method(const char *name, JSCFunction *function, int length)
{
    JS_SetPropertyStr(guest->js, guest->context, name, JS_NewCFunction(guest->js, function, name, length));
}

/* The parameters of the graph, a variable of programs that mention it. Its value is frozen through and through; the
 * variable itself a handler may declare anew, as any other global, and an expression may not even assign to it. */
static int install_parameters(JSValueConst global, JSValueConst parameters)
{
    static const char freezing[] = "(function freeze(value) {"
                                   " if (typeof value === 'object' && value !== null) {"
                                   " for (const part of Object.values(value)) freeze(part);"
                                   " Object.freeze(value); } return value; })";
    JSContext *js = guest->js;
    JSValue freeze = JS_Eval(js, freezing, sizeof freezing - 1, "<param>", JS_EVAL_TYPE_GLOBAL);
    JSValue frozen = JS_Call(js, freeze, JS_UNDEFINED, 1, &parameters);
    JS_FreeValue(js, freeze);
    if (JS_IsException(frozen))
        return -1;
    int flags = JS_PROP_CONFIGURABLE | (guest->mode == MODE_HANDLER ? JS_PROP_WRITABLE : 0);
    return JS_DefinePropertyValueStr(js, global, "param", frozen, flags);
}

int context_install(const char *execution_id, const char *node_id, const char *instance_id,
                    JSValueConst parameters)
{
    JSContext *js = guest->js;
    guest->context = JS_NewObject(js);
    JS_SetPropertyStr(js, guest->context, "executionId", JS_NewString(js, execution_id));
    JS_SetPropertyStr(js, guest->context, "nodeId", JS_NewString(js, node_id));
    JS_SetPropertyStr(js, guest->context, "instanceId", JS_NewString(js, instance_id));
    JS_SetPropertyStr(js, guest->context, "config", JS_DupValue(js, guest->config));
    set_method("emit", emit, 2);
    set_method("emitBatch", emit_batch, 2);
    set_method("getState", get_state, 1);
    set_method("setState", set_state, 2);
    set_method("log", log_line, 3);
    JS_FreezeObject(js, guest->context);

    JSValue global = JS_GetGlobalObject(js);
    install_console(global);
    locale_install(global);
    /* Shared memory has nobody to share with here. */
    JSAtom shared = JS_NewAtom(js, "SharedArrayBuffer");
    JS_DeleteProperty(js, global, shared, 0);
    JS_FreeAtom(js, shared);
    if (!JS_IsUndefined(parameters))
        install_parameters(global, parameters);
    JS_FreeValue(js, global);
    return JS_HasException(js) ? -1 : 0;
}
