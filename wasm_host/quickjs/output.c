/* The record stream: what this call caused, in the order in which it happened.
 *
 * The status block must be true at every instant, because the host may stop this guest anywhere:
 * a record counts only when it is whole, and a buffer that grows is published before the old one is freed.
 */
#include "output.h"

#include <string.h>

#include "limit.h"
#include "link.h"
#include "memory.h"
#include "values.h"

enum { FIRST_CAPACITY = 16 * 1024, KEPT_CAPACITY = 1024 * 1024, MESSAGE_TEXT_LIMIT = 16 * 1024 };

static char *buffer;
static size_t capacity;
static size_t message_start;     /* where this message's records begin */
static size_t last_record;       /* the header to mark when the message closes */
static uint32_t emissions;       /* of this message, like the counts below */
static size_t emitted_bytes;
static uint32_t log_lines;
static size_t log_bytes;
static uint32_t logs_dropped;
static uint32_t records;         /* of this call */

static void reserve(size_t more)
{
    size_t needed = status.length + more;
    if (needed <= capacity)
        return;
    size_t larger = capacity ? capacity * 2 : FIRST_CAPACITY;
    if (larger < needed)
        larger = needed;
    char *moved = memory_take(larger);
    if (status.length)
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
    records = 0;
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

uint32_t output_records(void)
{
    return records;
}

uint32_t output_emissions(void)
{
    return emissions;
}

void output_raw(enum symbia_kind kind, uint16_t port, const char *payload, size_t length)
{
    uint8_t flags = chain_is_under_way ? chain_flags() : 0;
    struct symbia_record record = {(uint8_t)kind, flags, port, (uint32_t)length};
    reserve(sizeof record + length);
    memcpy(buffer + status.length, &record, sizeof record);
    if (length)
        memcpy(buffer + status.length + sizeof record, payload, length);
    last_record = status.length;
    records++;
    status.length += sizeof record + length;
}

void output_record(enum symbia_kind kind, uint16_t port, const void *payload, size_t length)
{
    output_raw(kind, port, payload, length);
    if (kind != SYMBIA_STATE)
        mend_surrogates(buffer + status.length - length, length);
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
    if (status.length == message_start && (!chain_is_under_way || chain_is_traced))
        output_record(SYMBIA_NOTHING, 0, NULL, 0);
    if (status.length != message_start)
        buffer[last_record + offsetof(struct symbia_record, flags)] |= SYMBIA_CLOSES;
    status.closed++;
}

static bool may_emit(size_t bytes)
{
    emitted_bytes += bytes;
    if (++emissions > guest->limits.emissions) {
        LIMIT_ERROR("OutputLimitExceeded", "one invocation emitted too many values", emissions);
        return false;
    }
    if (emitted_bytes > guest->limits.output_bytes) {
        LIMIT_ERROR("OutputLimitExceeded", "one invocation emitted too much", output_bytes);
        return false;
    }
    return true;
}

static int emit_counted(uint16_t port, const struct written *written)
{
    if (chain_is_under_way && !chain_emits(port, written))
        return 0;
    if (written->came && (!chain_is_under_way || chain_invocation.came)) {
        uint32_t place = chain_invocation.came - 1;
        output_raw(SYMBIA_FORWARD, port, (const char *)&place, chain_is_under_way ? sizeof place : 0);
        return 0;
    }
    output_raw(SYMBIA_EMIT, port, written->text, written->length);
    if (written->owner)
        mend_utf8(buffer + status.length - written->length, written->length);
    return 0;
}

static int emit_written(uint16_t port, const struct written *written)
{
    return may_emit(written->length) ? emit_counted(port, written) : -1;
}

static int emit_text(uint16_t port, const char *text, size_t length)
{
    return emit_written(port, &(struct written){text, length});
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
    struct written written;
    if (value_write(value, &written) < 0)
        return -1;
    int result = emit_written(port, &written);
    value_release(&written);
    return result;
}

int output_forward(uint16_t port)
{
    if (!may_emit(0))
        return -1;
    const char *text = chain_is_under_way ? chain_invocation.text : NULL;
    return emit_counted(port, &(struct written){text, chain_invocation.length, .came = true});
}

void output_relay(uint16_t port)
{
    emissions++;
    emit_counted(port, &(struct written){chain_invocation.text, chain_invocation.length, .came = true});
}

static void discard_exception(void)
{
    JS_FreeValue(guest->js, JS_GetException(guest->js));
}

struct field {
    const char *before;
    const char *text;
    size_t length;
};

/* Fields of a JSON object, put together here: an object of the program's world could be seen and changed by what
 * the program did to its prototypes, while JSON.stringify walks through it. NULL with an exception. */
static char *record_text(const struct field *fields, int count, size_t *length)
{
    size_t total = 1;
    for (int i = 0; i < count; i++)
        total += strlen(fields[i].before) + fields[i].length;
    char *text = js_malloc(guest->js, total), *at = text;
    if (!text)
        return NULL;
    for (int i = 0; i < count; i++) {
        size_t before_length = strlen(fields[i].before);
        memcpy(at, fields[i].before, before_length);
        at += before_length;
        memcpy(at, fields[i].text, fields[i].length);
        at += fields[i].length;
    }
    *at = '}';
    *length = total;
    return text;
}

void output_log(const char *level, JSValueConst message, JSValueConst meta)
{
    if (log_lines >= guest->limits.log_lines || log_bytes >= guest->limits.log_bytes) {
        logs_dropped++;
        return;
    }
    size_t message_length, meta_length = 0, length = 0;
    char *message_text = json_text(message, &message_length), *meta_text = NULL;
    if (message_text && !JS_IsUndefined(meta)) {
        static const char none[] = "\"(cannot be written as JSON)\"";
        meta_text = json_text(meta, &meta_length);
        if (!meta_text) {
            discard_exception();
            meta_text = js_strdup(guest->js, none);
            meta_length = sizeof none - 1;
        }
    }
    const struct field fields[] = {
        {"{\"level\":\"", level, strlen(level)},
        {"\",\"message\":", message_text, message_length},
        {",\"meta\":", meta_text, meta_length},
    };
    char *text = message_text ? record_text(fields, meta_text ? 3 : 2, &length) : NULL;
    if (!text)
        discard_exception();
    if (!text || log_bytes + length > guest->limits.log_bytes) {
        logs_dropped++;
    } else {
        log_lines++;
        log_bytes += length;
        output_record(SYMBIA_LOG, 0, text, length);
    }
    js_free(guest->js, text);
    js_free(guest->js, message_text);
    js_free(guest->js, meta_text);
}

/* The text itself or its beginning: what an error says is bounded. */
static JSValue bounded(JSValue text)
{
    JSContext *js = guest->js;
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
    JSValue value = JS_GetPropertyStr(guest->js, object, property);
    if (JS_IsException(value))
        discard_exception();
    if (JS_IsString(value))
        return bounded(value);
    JS_FreeValue(guest->js, value);
    return JS_UNDEFINED;
}

static JSValue or_text(JSValue text, const char *otherwise)
{
    return JS_IsUndefined(text) ? JS_NewString(guest->js, otherwise) : text;
}

/* Anything can be thrown: text as it is, other values as JSON. */
static JSValue described(JSValueConst thrown)
{
    JSContext *js = guest->js;
    JSValue text = JS_IsObject(thrown) ? JS_JSONStringify(js, thrown, JS_UNDEFINED, JS_UNDEFINED)
                                       : JS_ToString(js, thrown);
    if (JS_IsException(text))
        discard_exception();
    if (JS_IsString(text))
        return bounded(text);
    JS_FreeValue(js, text);
    return JS_NewString(js, "(a value that cannot be written as text)");
}

/* A field's text, or a trap: not even memory for that, and the host names the cause. Owns the value. */
static char *required_text(JSValue value, size_t *length)
{
    char *text = json_text(value, length);
    if (!text)
        __builtin_trap();
    JS_FreeValue(guest->js, value);
    return text;
}

void output_error(JSValueConst error)
{
    JSContext *js = guest->js;
    JSValue name = JS_UNDEFINED, message = JS_UNDEFINED, stack = JS_UNDEFINED;
    if (JS_IsObject(error)) {
        name = text_of(error, "name");
        message = text_of(error, "message");
        stack = text_of(error, "stack");
    }
    if (JS_IsUndefined(message))
        message = described(error);
    struct field fields[] = {{"{\"name\":"}, {",\"message\":"}, {",\"stack\":"}};
    JSValue values[] = {or_text(name, "Error"), message, or_text(stack, "")};
    for (int i = 0; i < 3; i++)
        fields[i].text = required_text(values[i], &fields[i].length);
    size_t length;
    char *text = record_text(fields, 3, &length);
    if (!text)
        __builtin_trap();
    output_record(SYMBIA_ERROR, 0, text, length);
    js_free(js, text);
    for (int i = 0; i < 3; i++)
        js_free(js, (char *)fields[i].text);
}
