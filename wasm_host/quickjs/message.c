/* One invocation: a transaction, from its message to the record that closes it. */
#include "message.h"

#include "link.h"
#include "output.h"
#include "program.h"
#include "state.h"
#include "values.h"

void message_begin(void)
{
    output_begin_message();
    state_begin();
    JS_FreeValue(guest->js, guest->failure);
    guest->failure = JS_UNDEFINED;
}

/* Ends a transaction: one of its possible errors is written and undoes the state, or the state is committed.
 * What the program could not do for want of memory is for the host to name: this guest gives up.
 *
 * The program can still run code here: a toJSON of its result may have queued jobs, and so may a getter of what it
 * threw. They belong to this message, so they run before it is closed, and before its state is undone. */
bool message_end(bool threw)
{
    JSContext *js = guest->js;
    JSValue error = threw ? JS_GetException(js) : JS_UNDEFINED;
    bool failed = threw;
    JSValue late = jobs_run();
    if (failed || JS_IsUninitialized(late)) {
        JS_FreeValue(js, late);
    } else {
        error = late;
        failed = true;
    }
    if (!JS_IsUndefined(guest->failure)) {
        JS_FreeValue(js, error);
        error = JS_DupValue(js, guest->failure);
        failed = true;
    } else if (!failed && rejections_any()) {
        error = rejections_first();
        failed = true;
    }
    rejections_clear();
    if (failed) {
        if (status.fault == SYMBIA_FAULT_MEMORY)
            __builtin_trap();
        if (chain_is_under_way)
            output_raw(SYMBIA_INPUT, chain_invocation.port, chain_invocation.text, chain_invocation.length);
        output_error(error);
        JS_FreeValue(js, error);
        JS_FreeValue(js, guest->failure);
        error = guest->failure = JS_UNDEFINED;
        JS_FreeValue(js, jobs_run());
        rejections_clear();
        state_rollback();
    } else {
        state_commit();
    }
    JS_FreeValue(js, error);
    if (chain_is_under_way)
        chain_settle(failed, output_emissions());
    output_close_message();
    return !failed;
}

static JSValue call_process(JSValueConst value, uint32_t port)
{
    JSContext *js = guest->js;
    JSValueConst name = port < guest->input_count ? guest->inputs[port] : JS_UNDEFINED;
    if (guest->mode == MODE_HANDLER) {
        JSValueConst arguments[] = {guest->context, name, value};
        return settle(JS_Call(js, guest->process, guest->handler, 3, arguments));
    }
    JSValueConst arguments[] = {value, name, guest->config};
    return settle(JS_Call(js, guest->process, JS_UNDEFINED, 3, arguments));
}

/* Whoever returns a value and emits none has most likely meant it to be sent on. What a condition or a call leaves
 * behind, as in "value > 10 && ctx.emit('out', value)", is no such value. */
static void warn_of_result(JSValueConst result)
{
    if (guest->warned_of_result || output_emissions() || JS_IsUndefined(result) || JS_IsNull(result) || JS_IsBool(result))
        return;
    JSValue message = JS_NewString(guest->js, "process returned a value and emitted nothing: what it returns goes nowhere; "
                                              "call ctx.emit(port, value)");
    output_log("warn", message, JS_UNDEFINED);
    JS_FreeValue(guest->js, message);
    guest->warned_of_result = true;
}

/* What the result of an expression means; a handler's own result means nothing. */
static int use_result(JSValueConst result)
{
    if (JS_IsObject(result) && refuse_result(result) < 0)
        return -1;
    if (guest->mode == MODE_MAP)
        return output_emit(0, result);
    if (guest->mode == MODE_TEST)
        return output_forward(JS_ToBool(guest->js, result) ? 0 : 1);
    warn_of_result(result);
    return 0;
}

/* Tries an expression on null. Whatever happens is of no matter, but for a result that could not be meant. */
bool message_tried(void)
{
    JSContext *js = guest->js;
    JSValue result = call_process(JS_NULL, 0);
    bool is_meant = !JS_IsObject(result) || refuse_result(result) == 0;
    if (JS_IsException(result))
        JS_FreeValue(js, JS_GetException(js));
    JS_FreeValue(js, result);
    JS_FreeValue(js, guest->failure);
    guest->failure = JS_UNDEFINED;
    rejections_clear();
    return is_meant;
}

void message_process(char *text, uint32_t length, uint32_t port)
{
    JSContext *js = guest->js;
    message_begin();
    JSValue value = receive_value(text, length);
    bool threw = JS_IsException(value);
    if (!threw) {
        JSValue result = call_process(value, port);
        threw = JS_IsException(result) || use_result(result) < 0;
        JS_FreeValue(js, result);
    }
    JS_FreeValue(js, value);
    value_settle();
    message_end(threw);
}
