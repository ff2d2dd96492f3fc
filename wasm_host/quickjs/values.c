/* Values on their way in and out: JSON text, and what QuickJS makes of it. */
#include "values.h"

#include <string.h>

/* Whole numbers of up to nine digits are most of what flows; anything else takes QuickJS's own parser. */
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

JSValue parse_value(char *text, size_t length)
{
    int32_t number;
    if (length && short_integer(text, length, &number))
        return JS_NewInt32(guest->js, number);
    char behind = text[length];   /* the parser wants a terminated text; the next value begins here */
    text[length] = 0;
    JSValue value = JS_ParseJSON(guest->js, text, length, "<value>");
    text[length] = behind;
    return value;
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

char *json_text(JSValueConst value, size_t *length)
{
    JSValue text = JS_JSONStringify(guest->js, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return NULL;
    char *copy;
    if (JS_IsString(text)) {
        const char *utf8 = JS_ToCStringLen(guest->js, length, text);
        copy = utf8 ? js_malloc(guest->js, *length + 1) : NULL;
        if (copy) {
            memcpy(copy, utf8, *length + 1);
            mend_utf8(copy, *length);
        }
        JS_FreeCString(guest->js, utf8);
    } else {   /* undefined, a function, a symbol: what JSON cannot say */
        copy = js_strdup(guest->js, "null");
        *length = 4;
    }
    JS_FreeValue(guest->js, text);
    return copy;
}
