/* Values on their way in and out: JSON text, and what QuickJS makes of it. */
#include "values.h"

#include <string.h>

JSValue parse_value(char *text, size_t length)
{
    return json_value(guest->js, &guest->json, text, length);
}

/* Whole numbers of up to nine digits are most of what flows. */
static bool short_integer(const char *text, size_t length, int32_t *number)
{
    size_t at = text[0] == '-';
    if (length - at == 0 || length - at > 9 || (text[at] == '0' && length > 1))
        return false;
    int32_t value = 0;
    for (size_t i = at; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *number = at ? -value : value;
    return true;
}

JSValue receive_value(char *text, size_t length)
{
    int32_t number;
    if (length && short_integer(text, length, &number))
        return JS_NewInt32(guest->js, number);
    return json_receive(guest->js, &guest->json, text, length);
}

void value_settle(void)
{
    if (!json_settle(guest->runtime, &guest->json))
        __builtin_trap();
}

/* Which half of a surrogate pair is escaped here: 1, 2, or 0 for neither. */
static int surrogate_half(const char *text, const char *end)
{
    if (end - text < 6 || text[0] != '\\' || text[1] != 'u' || (text[2] | 32) != 'd' || text[3] < '8')
        return 0;
    return (text[3] | 32) < 'c' ? 1 : 2;
}

/* Half a surrogate pair has no UTF-8. JSON.stringify writes it as an escape, which JSON allows and which stays in
 * values; JSON.rawJSON writes it as its author spelt it. Unescaped it becomes U+FFFD, as where the web turns strings
 * into UTF-8, in the same length. */
void mend_utf8(char *text, size_t length)
{
    char *end = text + length;
    for (char *at = text; (at = memchr(at, 0xED, (size_t)(end - at))) && end - at >= 3; at += 3)
        if ((unsigned char)at[1] >= 0xA0)
            memcpy(at, "\xEF\xBF\xBD", 3);
}

/* The same, and likewise for escapes: of what people read, which nobody decodes with care. */
void mend_surrogates(char *text, size_t length)
{
    char *end = text + length;
    for (char *at = text; (at = memchr(at, '\\', (size_t)(end - at))) && end - at >= 6; at += 2) {
        int half = surrogate_half(at, end);
        if (half == 1 && surrogate_half(at + 6, end) == 2)
            at += 10;
        else if (half)
            memcpy(at + 2, "fffd", 4);
    }
    mend_utf8(text, length);
}

/* What our writer leaves to QuickJS. */
static int write_odd(JSValueConst value, struct written *written)
{
    JSValue text = JS_JSONStringify(guest->js, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return -1;
    if (JS_IsString(text)) {
        written->owner = written->text = JS_ToCStringLen(guest->js, &written->length, text);
    } else {   /* undefined, a function, a symbol: what JSON cannot say */
        *written = (struct written){"null", 4};
    }
    JS_FreeValue(guest->js, text);
    return written->text ? 0 : -1;
}

int value_write(JSValueConst value, struct written *written)
{
    *written = (struct written){0};
    switch (json_write(guest->js, &guest->json, value)) {
    case JSON_DONE:
        written->text = guest->json.text;
        written->length = guest->json.text_length;
        written->nesting = guest->json.text_nesting;
        return 0;
    case JSON_CAME:
        written->text = guest->json.came;
        written->length = guest->json.came_length;
        written->came = guest->json.is_message;
        return 0;
    case JSON_ODD:
        return write_odd(value, written);
    default:
        return -1;
    }
}

void value_release(struct written *written)
{
    if (written->owner)
        JS_FreeCString(guest->js, written->owner);
    else
        json_let_go(guest->js, &guest->json);
}

char *json_text(JSValueConst value, size_t *length)
{
    struct written written;
    if (value_write(value, &written) < 0)
        return NULL;
    char *copy = js_malloc(guest->js, written.length + 1);
    if (copy) {
        memcpy(copy, written.text, written.length);
        copy[written.length] = 0;
        *length = written.length;
        if (written.owner)
            mend_utf8(copy, written.length);
    }
    value_release(&written);
    return copy;
}
