/* From JSON text to numbers and strings. A part of engine.c. */
#ifndef JSON_READ_SCALARS_H
#define JSON_READ_SCALARS_H

#include "json_digits.h"
#include "json_scan.h"

enum { JSON_MOST_DIGITS = 19 };     /* that 64 bits hold, whichever they are */

struct json_reader {
    JSContext *js;
    struct json *json;
    const uint8_t *at, *end;        /* *end is 0, which nothing goes on with */
    uint32_t level;                 /* where containers within this one stay unread: its own in the message; or 0 */
    JSObject *unread;               /* and the object that it is to become */
    bool is_odd;                    /* and what was answered is no exception */
};

static JSValue json_odd(struct json_reader *reader)
{
    reader->is_odd = true;
    return JS_EXCEPTION;
}

static inline void json_skip_space(struct json_reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t')
        reader->at++;
}

/* Numbers: up to 19 digits are one integer, and exact where it and a power of ten are doubles themselves: then one
 * multiplication or division rounds once, and so rightly. Others are found by digits, or are QuickJS's. */
static no_inline JSValue json_read_number(struct json_reader *reader)
{
    const int64_t most_exponent = (int64_t)1 << 40;    /* more than a text can have digits to make up for it */
    const uint8_t *start = reader->at, *at = start;
    bool is_negative = *at == '-';
    uint64_t mantissa = 0;
    int64_t digits = 0, exponent = 0;
    at += is_negative;
    if (*at == '0') {
        if (is_digit(*++at))
            return json_odd(reader);
    } else if (!is_digit(*at)) {
        return json_odd(reader);
    }
    for (; is_digit(*at); at++, digits++)
        mantissa = mantissa * 10 + (*at - '0');
    bool is_whole = *at != '.' && (*at | 32) != 'e';
    if (*at == '.') {
        const uint8_t *fraction = ++at;
        for (; is_digit(*at); at++) {
            mantissa = mantissa * 10 + (*at - '0');
            digits += digits || *at != '0';
        }
        if (at == fraction)
            return json_odd(reader);
        exponent = fraction - at;
    }
    if ((*at | 32) == 'e') {
        bool is_small = *++at == '-';
        at += is_small || *at == '+';
        int64_t written = 0;
        if (!is_digit(*at))
            return json_odd(reader);
        for (; is_digit(*at); at++)
            if (written < most_exponent)
                written = written * 10 + (*at - '0');
        exponent += is_small ? -written : written;
    }
    reader->at = at;
    if (digits <= JSON_MOST_DIGITS) {
        if (is_whole && mantissa <= INT32_MAX && (mantissa || !is_negative))
            return js_int32(is_negative ? -(int32_t)mantissa : (int32_t)mantissa);
        if (!mantissa)
            return is_negative ? js_float64(-0.0) : js_int32(0);
        if (mantissa <= (uint64_t)1 << 53 && exponent >= -JSON_MOST_POWER && exponent <= JSON_MOST_POWER) {
            double number = (double)mantissa;
            number = exponent < 0 ? number / json_powers[-exponent] : number * json_powers[exponent];
            return js_number(is_negative ? -number : number);
        }
        double number;
        if (json_nearest(mantissa, exponent, &number))
            return js_number(is_negative ? -number : number);
    }
    JSATODTempMem scratch;
    return js_number(js_atod((const char *)start, NULL, 10, 0, &scratch));
}

static inline int32_t json_hex(const uint8_t *at)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = from_hex(at[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* The character that stands here and is not plain; -1 where that is none. A byte that is not a continuation ends
 * a sequence before anything behind it is looked at, and so does the 0 at the end. */
static int32_t json_character(const uint8_t **where)
{
    const uint8_t *at = *where;
    if (*at == '\\') {
        *where = at + 2;
        switch (at[1]) {
        case '"': case '\\': case '/': return at[1];
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'u': *where = at + 6; return json_hex(at + 2);
        default: return -1;
        }
    }
    int32_t code, least;
    int more;
    if (*at < 0xC2)
        return -1;
    if (*at < 0xE0)
        code = *at & 0x1F, more = 1, least = 0x80;
    else if (*at < 0xF0)
        code = *at & 0x0F, more = 2, least = 0x800;
    else
        code = *at & 0x0F, more = 3, least = 0x10000;
    if (*at >= 0xF5)
        return -1;
    for (at++; more; more--, at++) {
        if ((*at & 0xC0) != 0x80)
            return -1;
        code = code << 6 | (*at & 0x3F);
    }
    *where = at;
    return code < least || code > 0x10FFFF || is_surrogate(code) ? -1 : code;
}

/* A string with characters that are not plain: measured, then decoded into its one allocation. */
static JSValue json_read_marked_string(struct json_reader *reader, const uint8_t *start)
{
    const uint8_t *at = start, *end = reader->end;
    size_t units = 0;
    int32_t all = 0;
    for (;;) {
        const uint8_t *plain = at;
        at = json_plain_end(at, end);
        units += (size_t)(at - plain);
        if (at == end)
            return json_odd(reader);
        if (*at == '"')
            break;
        int32_t code = json_character(&at);
        if (code < 0)
            return json_odd(reader);
        all |= code;
        units += code > 0xFFFF ? 2 : 1;
    }
    reader->at = at + 1;
    if (units > JS_STRING_LEN_MAX)
        return json_odd(reader);
    bool is_wide = all > 0xFF;
    JSString *string = js_alloc_string(reader->js, (int)units, is_wide);
    if (!string)
        return JS_EXCEPTION;
    uint8_t *narrow = str8(string);
    uint16_t *wide = str16(string);
    for (at = start;;) {
        const uint8_t *plain = at;
        at = json_plain_end(at, end);
        if (is_wide) {
            while (plain < at)
                *wide++ = *plain++;
        } else {
            json_copy(narrow, plain, (size_t)(at - plain));
            narrow += at - plain;
        }
        if (*at == '"')
            break;
        int32_t code = json_character(&at);
        if (!is_wide) {
            *narrow++ = (uint8_t)code;
        } else if (code > 0xFFFF) {
            *wide++ = get_hi_surrogate(code);
            *wide++ = get_lo_surrogate(code);
        } else {
            *wide++ = (uint16_t)code;
        }
    }
    if (!is_wide)
        *narrow = 0;
    return JS_MKPTR(JS_TAG_STRING, string);
}

static JSValue json_read_string(struct json_reader *reader)
{
    const uint8_t *start = ++reader->at, *at = json_plain_end(start, reader->end);
    size_t length = (size_t)(at - start);
    if (*at != '"' || length > JS_STRING_LEN_MAX)
        return json_read_marked_string(reader, start);
    reader->at = at + 1;
    if (!length)
        return js_empty_string(reader->js->rt);
    JSString *string = js_alloc_string(reader->js, (int)length, 0);
    if (!string)
        return JS_EXCEPTION;
    json_copy(str8(string), start, length);
    str8(string)[length] = 0;
    return JS_MKPTR(JS_TAG_STRING, string);
}

#endif
