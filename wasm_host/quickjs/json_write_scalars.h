/* From numbers and strings to JSON text. A part of engine.c. */
#ifndef JSON_WRITE_SCALARS_H
#define JSON_WRITE_SCALARS_H

#include "json_digits.h"
#include "json_scan.h"

enum {
    JSON_FIRST_TEXT = 1024,        /* a power of two, as all of the allocator's blocks are: growing within one is free */
    JSON_OF_BLOCK = 32,            /* what QuickJS and the allocator may take of it */
    JSON_MOST_OF_UNIT = 6,         /* bytes of one character's escape */
    JSON_MOST_OF_NUMBER = 32,
    JSON_FEW_DIGITS = 15,          /* as many as any decimal number keeps on its way through a double */
    JSON_MOST_WHOLE = 21,          /* digits before the point, and zeros behind it, before JavaScript counts tens */
    JSON_LEAST_WHOLE = -5,
};

struct json_writer {
    JSContext *js;
    struct json *json;
    uint8_t *at, *end;
    uint32_t most_nesting;
    bool is_for_program;           /* which wants a message spelt as JavaScript does */
    bool is_said;                  /* by texts that came, what is to be written of them */
    const JSObject *prototype;     /* one that leads to no toJSON: nothing changes while values are written */
};

static no_inline int json_grow(struct json_writer *writer, size_t more)
{
    struct json *json = writer->json;
    size_t length = (size_t)(writer->at - (uint8_t *)json->text), needed = length + more;
    size_t larger = JSON_FIRST_TEXT;
    while (larger - JSON_OF_BLOCK < needed && larger <= SIZE_MAX / 2)
        larger *= 2;
    larger = larger - JSON_OF_BLOCK < needed ? needed : larger - JSON_OF_BLOCK;
    char *moved = js_realloc(writer->js, json->text, larger);
    if (!moved)
        return JSON_THROWN;
    json->text = moved;
    json->text_capacity = larger;
    writer->at = (uint8_t *)moved + length;
    writer->end = (uint8_t *)moved + larger;
    return JSON_DONE;
}

/* Makes room for so many bytes. */
static inline int json_room(struct json_writer *writer, size_t more)
{
    return likely((size_t)(writer->end - writer->at) >= more) ? JSON_DONE : json_grow(writer, more);
}

static int json_write_word(struct json_writer *writer, const char *word, size_t length)
{
    if (json_room(writer, length))
        return JSON_THROWN;
    json_copy(writer->at, (const uint8_t *)word, length);
    writer->at += length;
    return JSON_DONE;
}

static uint8_t *json_escape(uint8_t *at, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    *at++ = '\\';
    *at++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = (uint8_t)hex[unit >> shift & 15];
    return at;
}

/* One character below 0x80, as it stands in a string. */
static inline uint8_t *json_write_ascii(uint8_t *at, uint32_t unit)
{
    char letter;
    switch (unit) {
    case '"': case '\\': letter = (char)unit; break;
    case '\b': letter = 'b'; break;
    case '\f': letter = 'f'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default:
        if (unit < 0x20)
            return json_escape(at, unit);
        *at++ = (uint8_t)unit;
        return at;
    }
    *at++ = '\\';
    *at++ = (uint8_t)letter;
    return at;
}

static int json_write_narrow(struct json_writer *writer, const uint8_t *text, const uint8_t *end)
{
    for (;;) {
        const uint8_t *plain = text;
        text = json_plain_end(text, end);
        size_t length = (size_t)(text - plain);
        if (json_room(writer, length + JSON_MOST_OF_UNIT))
            return JSON_THROWN;
        json_copy(writer->at, plain, length);
        writer->at += length;
        if (text == end)
            return JSON_DONE;
        uint32_t unit = *text++;
        if (unit < 0x80) {
            writer->at = json_write_ascii(writer->at, unit);
        } else {
            *writer->at++ = (uint8_t)(0xC0 | unit >> 6);
            *writer->at++ = (uint8_t)(0x80 | (unit & 0x3F));
        }
    }
}

static int json_write_wide(struct json_writer *writer, const uint16_t *text, const uint16_t *end)
{
    while (text < end) {
        if (json_room(writer, JSON_MOST_OF_UNIT))
            return JSON_THROWN;
        uint8_t *at = writer->at;
        uint32_t unit = *text++;
        if (unit < 0x80) {
            at = json_write_ascii(at, unit);
        } else if (unit < 0x800) {
            *at++ = (uint8_t)(0xC0 | unit >> 6);
            *at++ = (uint8_t)(0x80 | (unit & 0x3F));
        } else if (is_hi_surrogate(unit) && text < end && is_lo_surrogate(*text)) {
            uint32_t code = from_surrogate(unit, *text++);
            *at++ = (uint8_t)(0xF0 | code >> 18);
            *at++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
            *at++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
            *at++ = (uint8_t)(0x80 | (code & 0x3F));
        } else if (is_surrogate(unit)) {
            at = json_escape(at, unit);
        } else {
            *at++ = (uint8_t)(0xE0 | unit >> 12);
            *at++ = (uint8_t)(0x80 | (unit >> 6 & 0x3F));
            *at++ = (uint8_t)(0x80 | (unit & 0x3F));
        }
        writer->at = at;
    }
    return JSON_DONE;
}

/* A string in its quotes, and `behind` after it. */
static int json_write_string(struct json_writer *writer, JSString *string, uint8_t behind)
{
    size_t length = string->len;
    if (json_room(writer, length + JSON_MOST_OF_UNIT))
        return JSON_THROWN;
    *writer->at++ = '"';
    int outcome = string->is_wide_char ? json_write_wide(writer, str16(string), str16(string) + length)
                                       : json_write_narrow(writer, str8(string), str8(string) + length);
    if (outcome || json_room(writer, 2))
        return JSON_THROWN;
    *writer->at++ = '"';
    if (behind)
        *writer->at++ = behind;
    return JSON_DONE;
}

static uint8_t *json_write_digits(uint8_t *at, uint64_t number)
{
    uint8_t digits[20], *first = digits + sizeof digits;
    while (number > UINT32_MAX) {
        *--first = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    uint32_t rest = (uint32_t)number;
    do
        *--first = (uint8_t)('0' + rest % 10);
    while (rest /= 10);
    while (first < digits + sizeof digits)
        *at++ = *first++;
    return at;
}

static uint8_t *json_write_integer(uint8_t *at, int32_t number)
{
    if (number < 0)
        *at++ = '-';
    return json_write_digits(at, number < 0 ? 0u - (uint32_t)number : (uint32_t)number);
}

/* Whether a positive number has a fraction and at most 15 digits, and then which: half the work of json_shortest.
 * Decimal numbers of so many digits all are different doubles; so when one of them is this double, no shorter one is,
 * and this is the spelling that the language wants. A whole number below 10^15 divided by a power of ten up to 10^22
 * rounds once, as reading it would. */
static bool json_has_few_digits(double number, struct json_decimal *decimal)
{
    if (!(number >= 1e-5 && number < 1e15))
        return false;
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    int magnitude = (int)((bits >> 52) - 1023) * 1233 >> 12;     /* its power of two, as one of ten, rounded down */
    int power = JSON_FEW_DIGITS - 1 - magnitude;
    while (power > 0 && number * json_powers[power] >= 1e15)
        power--;
    uint64_t digits = (uint64_t)(number * json_powers[power] + 0.5);
    *decimal = (struct json_decimal){digits, -power};
    return digits < (uint64_t)1e15 && (double)digits / json_powers[power] == number;
}

/* Digits and a power of ten as JavaScript spells them. */
static inline uint8_t *json_write_decimal(uint8_t *at, uint64_t digits, int32_t exponent)
{
    static const uint32_t steps[] = {100000000, 10000, 100, 10};
    for (int i = 0, zeros = 8; i < 4; i++, zeros /= 2)
        if (digits % steps[i] == 0)
            digits /= steps[i], exponent += zeros;
    uint8_t text[20];
    int count = (int)(json_write_digits(text, digits) - text), whole = count + exponent, from = 0;
    bool is_scientific = whole > JSON_MOST_WHOLE || whole < JSON_LEAST_WHOLE;
    int before = is_scientific ? 1 : whole, written = before < count ? before : count;   /* before the point */
    while (from < written)
        *at++ = text[from++];
    for (; written < before; written++)
        *at++ = '0';
    if (from < count) {
        if (before <= 0)
            *at++ = '0';
        *at++ = '.';
        for (; before < 0; before++)
            *at++ = '0';
        while (from < count)
            *at++ = text[from++];
    }
    if (!is_scientific)
        return at;
    *at++ = 'e';
    *at++ = whole > 0 ? '+' : '-';
    return json_write_digits(at, (uint64_t)(whole > 0 ? whole - 1 : 1 - whole));
}

/* QuickJS spells 46 powers of two with a digit more than they need. A program must not see two spellings of one number,
 * so those of many digits are left to it. */
static bool json_is_power_of_two(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return !(bits << (64 - JSON_FRACTION_BITS));
}

static uint8_t *json_write_as_quickjs(uint8_t *at, double number)
{
    JSDTOATempMem scratch;
    char text[128];
    int length = js_dtoa(text, number, 10, 0, JS_DTOA_FORMAT_FREE, &scratch);
    json_copy(at, (const uint8_t *)text, (size_t)length);
    return at + length;
}

static no_inline int json_write_number(struct json_writer *writer, double number)
{
    if (!isfinite(number))
        return json_write_word(writer, "null", 4);
    if (json_room(writer, JSON_MOST_OF_NUMBER))
        return JSON_THROWN;
    uint8_t *at = writer->at;
    if (number < 0) {
        *at++ = '-';
        number = -number;
    }
    if (number < 9007199254740992.0 && (double)(uint64_t)number == number) {
        writer->at = json_write_digits(at, (uint64_t)number);
        return JSON_DONE;
    }
    struct json_decimal decimal;
    if (!json_has_few_digits(number, &decimal)) {
        if (json_is_power_of_two(number)) {
            writer->at = json_write_as_quickjs(at, number);
            return JSON_DONE;
        }
        decimal = json_shortest(number);
    }
    writer->at = json_write_decimal(at, decimal.digits, decimal.exponent);
    return JSON_DONE;
}

#endif
