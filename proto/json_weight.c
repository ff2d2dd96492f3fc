/* The weight of a JSON text, as json_text.py counts it, in one pass over its bytes.
 *
 * Strings and brackets are all that is looked at. 64 bytes become four words of 64 bits, one bit for each byte; a
 * backslash and what it escapes are taken out of the quotes, and then a bit is within a string where the number of
 * quotes before it is odd. Nothing is allocated and nothing is kept but the fields below, so a text may come in pieces.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64 };

struct weight {
    int64_t open;           /* brackets that are open now */
    int64_t deepest;        /* the most that ever were */
    uint64_t elements;      /* opening brackets and commas outside of strings */
    uint64_t inside;        /* all bits where the text so far ends within a string, else none */
    uint64_t escaped;       /* 1 where it ends with a backslash that escapes what comes */
};

/* A bit for each of 64 bytes, the lowest for the first. */
struct marks {
    uint64_t quotes, backslashes, openings, closings, commas;
};

/* Square brackets and curly ones are the same but for this bit. */
enum { CURLY = '{' ^ '[' };

#ifdef __SSE2__
#include <emmintrin.h>

static inline uint64_t equal(__m128i bytes, char byte)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

static inline struct marks marks_of(const uint8_t *at)
{
    struct marks marks = {0};
    for (int part = 0; part < BLOCK; part += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(at + part));
        __m128i curly = _mm_or_si128(bytes, _mm_set1_epi8(CURLY));
        marks.quotes |= equal(bytes, '"') << part;
        marks.backslashes |= equal(bytes, '\\') << part;
        marks.openings |= equal(curly, '{') << part;
        marks.closings |= equal(curly, '}') << part;
        marks.commas |= equal(bytes, ',') << part;
    }
    return marks;
}
#else
static inline struct marks marks_of(const uint8_t *at)
{
    struct marks marks = {0};
    for (int i = 0; i < BLOCK; i++) {
        uint8_t curly = at[i] | CURLY;
        marks.quotes |= (uint64_t)(at[i] == '"') << i;
        marks.backslashes |= (uint64_t)(at[i] == '\\') << i;
        marks.openings |= (uint64_t)(curly == '{') << i;
        marks.closings |= (uint64_t)(curly == '}') << i;
        marks.commas |= (uint64_t)(at[i] == ',') << i;
    }
    return marks;
}
#endif

/* The bits of the bytes behind single backslashes: of a run of them each second one is escaped itself. */
static inline uint64_t escaped_bits(struct weight *weight, uint64_t backslashes)
{
    uint64_t all = weight->escaped;
    backslashes &= ~all;
    weight->escaped = 0;
    while (backslashes) {
        uint64_t first = backslashes & -backslashes, next = first << 1;
        if (!next)
            weight->escaped = 1;
        all |= next;
        backslashes &= ~(first | next);
    }
    return all;
}

/* Bracket by bracket, where this block may hold the deepest place so far. */
static void descend(struct weight *weight, uint64_t openings, uint64_t closings)
{
    for (uint64_t brackets = openings | closings; brackets; brackets &= brackets - 1) {
        if (openings & brackets & -brackets) {
            if (++weight->open > weight->deepest)
                weight->deepest = weight->open;
        } else if (weight->open) {
            weight->open--;
        }
    }
}

/* `length` is less than a block where zeros were put behind the text; the next piece begins where that ended. */
static inline void weigh_block(struct weight *weight, const uint8_t *at, size_t length)
{
    struct marks marks = marks_of(at);
    uint64_t strings = marks.quotes;
    if (marks.backslashes | weight->escaped) {
        uint64_t escaped = escaped_bits(weight, marks.backslashes);
        strings &= ~escaped;
        if (length < BLOCK)
            weight->escaped = escaped >> length & 1;
    }
    for (int i = 1; i < BLOCK; i *= 2)     /* from an opening quote to before the closing one */
        strings ^= strings << i;
    strings ^= weight->inside;
    weight->inside = -(strings >> (BLOCK - 1));
    uint64_t openings = marks.openings & ~strings, closings = marks.closings & ~strings;
    int64_t more = __builtin_popcountll(openings), less = __builtin_popcountll(closings);
    weight->elements += (uint64_t)more + (uint64_t)__builtin_popcountll(marks.commas & ~strings);
    if (weight->open + more > weight->deepest || weight->open < less)
        descend(weight, openings, closings);
    else
        weight->open += more - less;
}

/* The next piece of a text, of any length. */
void symbia_weigh(struct weight *kept, const uint8_t *text, size_t length)
{
    struct weight weight = *kept;
    for (; length >= BLOCK; text += BLOCK, length -= BLOCK)
        weigh_block(&weight, text, BLOCK);
    if (length) {
        uint8_t last[BLOCK] = {0};
        memcpy(last, text, length);
        weigh_block(&weight, last, length);
    }
    *kept = weight;
}

/* How deep a whole text is nested. */
int64_t symbia_depth(const uint8_t *text, size_t length)
{
    struct weight weight = {0};
    symbia_weigh(&weight, text, length);
    return weight.deepest;
}
