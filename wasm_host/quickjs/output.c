/* The record stream: what this call caused, in the order in which it happened.
 *
 * The status block must be true at every instant, because the host may stop this guest anywhere:
 * a record counts only when it is whole, and a buffer that grows is published before the old one is freed.
 */
#include <string.h>

#include "guest.h"

enum { FIRST_CAPACITY = 16 * 1024, KEPT_CAPACITY = 1024 * 1024, MESSAGE_TEXT_LIMIT = 16 * 1024 };

struct symbia_status status;

static char *buffer;
static size_t capacity;
static size_t message_start;     /* where this message's records begin */
static size_t last_record;       /* the header to mark when the message closes */
static uint32_t emissions;       /* of this message, like the counts below */
static size_t emitted_bytes;
static uint32_t log_lines;
static size_t log_bytes;
static uint32_t logs_dropped;

static void reserve(size_t more)
{
    size_t needed = status.length + more;
    if (needed <= capacity)
        return;
    size_t larger = capacity ? capacity * 2 : FIRST_CAPACITY;
    if (larger < needed)
        larger = needed;
    char *moved = memory_take(larger);
    memcpy(moved, buffer, status.length);
    char *old = buffer;
    buffer = moved;
    capacity = larger;
    status.output = (uint32_t)(uintptr_t)moved;
    memory_give(old);
}

void output_begin_call(void)
{
    status.length = 0;
    status.closed = 0;
    status.fault = SYMBIA_FAULT_NONE;
    if (capacity > KEPT_CAPACITY) {
        char *old = buffer;
        buffer = NULL;
        capacity = 0;
        status.output = 0;
        memory_give(old);
    }
    reserve(FIRST_CAPACITY);
}

void output_begin_message(void)
{
    message_start = last_record = status.length;
    emissions = log_lines = logs_dropped = 0;
    emitted_bytes = log_bytes = 0;
    status.fault = SYMBIA_FAULT_NONE;
}

size_t output_length(void)
{
    return status.length;
}

/* JSON.stringify writes half a surrogate pair as an escape, which many JSON readers refuse, ours among them.
 * It becomes U+FFFD, as where the web turns strings into UTF-8; the escape has the same length. */
static void mend_surrogates(char *text, size_t length)
{
    char *end = text + length;
    while ((text = memchr(text, '\\', (size_t)(end - text))) && end - text >= 6) {
        if (text[1] == 'u' && text[2] == 'd' && text[3] >= '8')
            memcpy(text + 2, "fffd", 4);
        text += 2;
    }
}

void output_record(enum symbia_kind kind, uint16_t port, const void *payload, size_t length)
{
    struct symbia_record record = {(uint8_t)kind, 0, port, (uint32_t)length};
    reserve(sizeof record + length);
    memcpy(buffer + status.length, &record, sizeof record);
    if (length)
        memcpy(buffer + status.length + sizeof record, payload, length);
    if (kind != SYMBIA_STATE)
        mend_surrogates(buffer + status.length + sizeof record, length);
    last_record = status.length;
    status.length += sizeof record + length;
}

static void report_dropped_logs(void)
{
    char text[64];
    size_t length = 0;
    static const char head[] = "{\"level\":\"warn\",\"message\":\"", tail[] = " more log lines dropped\"}";
    char digits[12];
    int count = 0;
    for (uint32_t rest = logs_dropped; rest; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    memcpy(text, head, sizeof head - 1);
    length = sizeof head - 1;
    while (count)
        text[length++] = digits[--count];
    memcpy(text + length, tail, sizeof tail - 1);
    output_record(SYMBIA_LOG, 0, text, length + sizeof tail - 1);
}

void output_close_message(void)
{
    if (logs_dropped)
        report_dropped_logs();
    if (status.length == message_start)
        output_record(SYMBIA_NOTHING, 0, NULL, 0);
    buffer[last_record + offsetof(struct symbia_record, flags)] |= SYMBIA_CLOSES;
    status.closed++;
}

char *json_text(JSValueConst value, size_t *length)
{
    JSValue text = JS_JSONStringify(guest.js, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return NULL;
    char *copy;
    if (JS_IsString(text)) {
        const char *utf8 = JS_ToCStringLen(guest.js, length, text);
        copy = utf8 ? js_malloc(guest.js, *length + 1) : NULL;
        if (copy) {
            memcpy(copy, utf8, *length + 1);
            mend_surrogates(copy, *length);
        }
        JS_FreeCString(guest.js, utf8);
    } else {   /* undefined, a function, a symbol: what JSON cannot say */
        copy = js_strdup(guest.js, "null");
        *length = 4;
    }
    JS_FreeValue(guest.js, text);
    return copy;
}

static bool may_emit(size_t bytes)
{
    emitted_bytes += bytes;
    if (++emissions > guest.limits.emissions) {
        limit_error("OutputLimitExceeded", "one invocation emitted too many values", "emissions",
                    guest.limits.emissions);
        return false;
    }
    if (emitted_bytes > guest.limits.output_bytes) {
        limit_error("OutputLimitExceeded", "one invocation emitted too much", "output_bytes",
                    guest.limits.output_bytes);
        return false;
    }
    return true;
}

static int emit_text(uint16_t port, const char *text, size_t length)
{
    if (!may_emit(length))
        return -1;
    output_record(SYMBIA_EMIT, port, text, length);
    return 0;
}

static int emit_integer(uint16_t port, int32_t number)
{
    char digits[12];
    size_t at = sizeof digits;
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[--at] = '-';
    return emit_text(port, digits + at, sizeof digits - at);
}

int output_emit(uint16_t port, JSValueConst value)
{
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_INT:
        return emit_integer(port, JS_VALUE_GET_INT(value));
    case JS_TAG_BOOL:
        return JS_VALUE_GET_BOOL(value) ? emit_text(port, "true", 4) : emit_text(port, "false", 5);
    case JS_TAG_NULL:
    case JS_TAG_UNDEFINED:
        return emit_text(port, "null", 4);
    default:
        break;
    }
    JSValue text = JS_JSONStringify(guest.js, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return -1;
    if (!JS_IsString(text)) {
        JS_FreeValue(guest.js, text);
        return emit_text(port, "null", 4);
    }
    size_t length;
    const char *utf8 = JS_ToCStringLen(guest.js, &length, text);
    JS_FreeValue(guest.js, text);
    if (!utf8)
        return -1;
    int result = emit_text(port, utf8, length);
    JS_FreeCString(guest.js, utf8);
    return result;
}

int output_forward(uint16_t port)
{
    if (!may_emit(0))
        return -1;
    output_record(SYMBIA_FORWARD, port, NULL, 0);
    return 0;
}

static void discard_exception(void)
{
    JS_FreeValue(guest.js, JS_GetException(guest.js));
}

void output_log(const char *level, JSValueConst message, JSValueConst meta)
{
    if (log_lines >= guest.limits.log_lines || log_bytes >= guest.limits.log_bytes) {
        logs_dropped++;
        return;
    }
    JSContext *js = guest.js;
    /* Without a prototype nothing that the program did to Object.prototype can reach this object. */
    JSValue line = JS_NewObjectProto(js, JS_NULL);
    JS_SetPropertyStr(js, line, "level", JS_NewString(js, level));
    JS_SetPropertyStr(js, line, "message", JS_DupValue(js, message));
    size_t length;
    char *text = NULL;
    if (!JS_IsUndefined(meta)) {
        JS_SetPropertyStr(js, line, "meta", JS_DupValue(js, meta));
        text = json_text(line, &length);
        if (!text) {
            discard_exception();
            JS_SetPropertyStr(js, line, "meta", JS_NewString(js, "(cannot be written as JSON)"));
        }
    }
    if (!text)
        text = json_text(line, &length);
    if (!text) {
        discard_exception();
        logs_dropped++;
    } else if (log_bytes + length > guest.limits.log_bytes) {
        logs_dropped++;
    } else {
        log_lines++;
        log_bytes += length;
        output_record(SYMBIA_LOG, 0, text, length);
    }
    js_free(js, text);
    JS_FreeValue(js, line);
}

/* The text itself or its beginning: what an error says is bounded. */
static JSValue bounded(JSValue text)
{
    JSContext *js = guest.js;
    int64_t length = 0;
    if (JS_GetLength(js, text, &length) < 0 || length <= MESSAGE_TEXT_LIMIT)
        return text;
    size_t bytes;
    const char *utf8 = JS_ToCStringLen(js, &bytes, text);
    JS_FreeValue(js, text);
    if (!utf8) {
        discard_exception();
        return JS_NewString(js, "(a very long text)");
    }
    JSValue beginning = JS_NewStringLen(js, utf8, MESSAGE_TEXT_LIMIT);
    JS_FreeCString(js, utf8);
    return beginning;
}

/* A property that is text; getters that throw and other values count as absent. */
static JSValue text_of(JSValueConst object, const char *property)
{
    JSValue value = JS_GetPropertyStr(guest.js, object, property);
    if (JS_IsException(value))
        discard_exception();
    if (JS_IsString(value))
        return bounded(value);
    JS_FreeValue(guest.js, value);
    return JS_UNDEFINED;
}

static JSValue or_text(JSValue text, const char *otherwise)
{
    return JS_IsUndefined(text) ? JS_NewString(guest.js, otherwise) : text;
}

/* Anything can be thrown: text as it is, other values as JSON. */
static JSValue described(JSValueConst thrown)
{
    JSContext *js = guest.js;
    JSValue text = JS_IsObject(thrown) ? JS_JSONStringify(js, thrown, JS_UNDEFINED, JS_UNDEFINED)
                                       : JS_ToString(js, thrown);
    if (JS_IsException(text))
        discard_exception();
    if (JS_IsString(text))
        return bounded(text);
    JS_FreeValue(js, text);
    return JS_NewString(js, "(a value that cannot be written as text)");
}

void output_error(JSValueConst error)
{
    JSContext *js = guest.js;
    JSValue record = JS_NewObjectProto(js, JS_NULL);
    JSValue name = JS_UNDEFINED, message = JS_UNDEFINED, stack = JS_UNDEFINED;
    if (JS_IsObject(error)) {
        name = text_of(error, "name");
        message = text_of(error, "message");
        stack = text_of(error, "stack");
    }
    if (JS_IsUndefined(message))
        message = described(error);
    JS_SetPropertyStr(js, record, "name", or_text(name, "Error"));
    JS_SetPropertyStr(js, record, "message", message);
    JS_SetPropertyStr(js, record, "stack", or_text(stack, ""));
    size_t length;
    char *text = json_text(record, &length);
    if (!text)      /* not even memory for that: the host names the cause */
        __builtin_trap();
    output_record(SYMBIA_ERROR, 0, text, length);
    js_free(js, text);
    JS_FreeValue(js, record);
}
