/* What reading and writing share: finding the end of plain text, 16 bytes at a time, or of a container, 64 at a time.
 * A part of engine.c. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "json.h"

enum {
    JSON_BLOCK = 16,
    JSON_WIDE_BLOCK = 64,
    JSON_MOST_NESTING = 250,               /* deeper is left to QuickJS, which finds cycles and the stack's end */
    JSON_STACK = 128 * 1024,               /* what that much nesting may take of it */
};

/* Plain is what a JSON string says as itself: ASCII but for control characters, the quote and the backslash. */
static inline bool json_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* A bit for each of 64 bytes, the lowest for the first. */
struct json_marks {
    uint64_t quotes, backslashes, openings, closings;
};

/* json_block marks the bytes that are not plain, and json_marks what containers are made of. Square brackets and curly
 * ones are the same but for a bit. */
#ifdef __wasm_simd128__
#include <wasm_simd128.h>

static inline uint32_t json_block(const uint8_t *at)
{
    v128_t bytes = wasm_v128_load(at);
    v128_t odd = wasm_i8x16_lt(bytes, wasm_i8x16_splat(0x20));     /* signed: those from 0x80 on, too */
    odd = wasm_v128_or(odd, wasm_i8x16_eq(bytes, wasm_i8x16_splat('"')));
    odd = wasm_v128_or(odd, wasm_i8x16_eq(bytes, wasm_i8x16_splat('\\')));
    return wasm_i8x16_bitmask(odd);
}

static inline uint64_t json_equal(v128_t bytes, uint8_t byte)
{
    return wasm_i8x16_bitmask(wasm_i8x16_eq(bytes, wasm_i8x16_splat((int8_t)byte)));
}

static inline struct json_marks json_marks(const uint8_t *at)
{
    struct json_marks marks = {0};
    for (uint32_t part = 0; part < JSON_WIDE_BLOCK; part += JSON_BLOCK) {
        v128_t bytes = wasm_v128_load(at + part), curly = wasm_v128_or(bytes, wasm_i8x16_splat('{' ^ '['));
        marks.quotes |= json_equal(bytes, '"') << part;
        marks.backslashes |= json_equal(bytes, '\\') << part;
        marks.openings |= json_equal(curly, '{') << part;
        marks.closings |= json_equal(curly, '}') << part;
    }
    return marks;
}
#else
static inline uint32_t json_block(const uint8_t *at)
{
    uint32_t odd = 0;
    for (uint32_t i = 0; i < JSON_BLOCK; i++)
        odd |= (uint32_t)!json_is_plain(at[i]) << i;
    return odd;
}

static inline struct json_marks json_marks(const uint8_t *at)
{
    struct json_marks marks = {0};
    for (uint32_t i = 0; i < JSON_WIDE_BLOCK; i++) {
        uint8_t curly = at[i] | ('{' ^ '[');
        marks.quotes |= (uint64_t)(at[i] == '"') << i;
        marks.backslashes |= (uint64_t)(at[i] == '\\') << i;
        marks.openings |= (uint64_t)(curly == '{') << i;
        marks.closings |= (uint64_t)(curly == '}') << i;
    }
    return marks;
}
#endif

/* The first byte that is not plain, or the end. */
static inline const uint8_t *json_plain_end(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= JSON_BLOCK; at += JSON_BLOCK) {
        uint32_t odd = json_block(at);
        if (odd)
            return at + __builtin_ctz(odd);
    }
    while (at < end && json_is_plain(*at))
        at++;
    return at;
}

/* Short copies by hand: in WebAssembly, memcpy of a length that is not known is a call of the engine. */
static inline void json_copy(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length > 64) {
        memcpy(to, from, length);
        return;
    }
    for (; length >= 8; length -= 8, to += 8, from += 8)
        memcpy(to, from, 8);
    for (; length; length--)
        *to++ = *from++;
}

static inline bool json_same(const uint8_t *one, const uint8_t *other, size_t length)
{
    for (; length >= 8; length -= 8, one += 8, other += 8) {
        uint64_t left, right;
        memcpy(&left, one, 8);
        memcpy(&right, other, 8);
        if (left != right)
            return false;
    }
    for (; length; length--)
        if (*one++ != *other++)
            return false;
    return true;
}

struct json_nesting {
    uint64_t inside;        /* all bits where a block begins within a string, else none */
    uint64_t escaped;       /* 1 where its first byte is escaped */
    uint32_t depth;
};

/* The bits of the bytes behind single backslashes: of a run of them each second one is escaped itself. */
static no_inline uint64_t json_escaped(struct json_nesting *nesting, uint64_t backslashes)
{
    uint64_t all = nesting->escaped;
    nesting->escaped = 0;
    for (backslashes &= ~all; backslashes;) {
        uint64_t first = backslashes & -backslashes, next = first << 1;
        if (!next)
            nesting->escaped = 1;
        all |= next;
        backslashes &= ~(first | next);
    }
    return all;
}

/* Goes through 64 bytes; answers the place behind the bracket that closes the first one, or 0. */
static inline uint32_t json_nest(struct json_nesting *nesting, const uint8_t *at)
{
    struct json_marks marks = json_marks(at);
    uint64_t strings = marks.quotes;
    if (unlikely(marks.backslashes | nesting->escaped))
        strings &= ~json_escaped(nesting, marks.backslashes);
    for (int i = 1; i < JSON_WIDE_BLOCK; i *= 2)     /* from an opening quote to before the closing one */
        strings ^= strings << i;
    strings ^= nesting->inside;
    nesting->inside = -(strings >> (JSON_WIDE_BLOCK - 1));
    uint64_t openings = marks.openings & ~strings, closings = marks.closings & ~strings;
    uint32_t less = (uint32_t)__builtin_popcountll(closings);
    if (less < nesting->depth) {
        nesting->depth += (uint32_t)__builtin_popcountll(openings) - less;
        return 0;
    }
    for (uint64_t brackets = openings | closings; brackets; brackets &= brackets - 1) {
        if (openings & brackets & -brackets)
            nesting->depth++;
        else if (--nesting->depth == 0)
            return (uint32_t)__builtin_ctzll(brackets) + 1;
    }
    return 0;
}

/* What lies behind the container that begins here; NULL where it has no end. No kind of bracket is told from the other,
 * and nothing but strings and brackets is looked at: of text that is no JSON this is some text within it. */
static const uint8_t *json_container_end(const uint8_t *at, const uint8_t *end)
{
    struct json_nesting nesting = {0};
    uint32_t found;
    for (; end - at >= JSON_WIDE_BLOCK; at += JSON_WIDE_BLOCK) {
        found = json_nest(&nesting, at);
        if (found)
            return at + found;
    }
    uint8_t rest[JSON_WIDE_BLOCK] = {0};
    json_copy(rest, at, (size_t)(end - at));
    found = json_nest(&nesting, rest);
    return found ? at + found : NULL;
}

static const double json_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { JSON_MOST_POWER = 22 };     /* the largest power of ten that a double says exactly */

#endif
