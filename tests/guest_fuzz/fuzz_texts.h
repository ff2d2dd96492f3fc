/* Texts that are nearly JSON, drawn at random and changed. A part of fuzz.c. */
#ifndef FUZZ_TEXTS_H
#define FUZZ_TEXTS_H

enum { MOST_TEXT = 4096 };

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % below);
}

static void fail(const char *what, const char *text, size_t length)
{
    fprintf(stderr, "%s\n", what);
    fwrite(text, 1, length, stderr);
    fputc('\n', stderr);
    abort();
}

static char text[MOST_TEXT + 1];
static size_t length;

static void say(const char *bytes, size_t count)
{
    if (length + count <= MOST_TEXT / 2) {
        memcpy(text + length, bytes, count);
        length += count;
    }
}

static void say_word(const char *word)
{
    say(word, strlen(word));
}

static const char *const numbers[] = {
    "0", "-0", "7", "-1", "2147483647", "-2147483648", "2147483648", "4294967294", "1.0", "1.5", "-0.25", "0.1",
    "21.1234567", "0.30000000000000004", "1e5", "1E+2", "1e-7", "0.00001", "0.000001", "123456789012345",
    "1234567890123456", "9007199254740993", "18446744073709551615", "18446744073709551616", "1e22", "1e23", "1e21",
    "5e-324", "1.7976931348623157e308", "1e400", "-1e-400", "0.1e1", "100000000000000000000", "0e0",
    "999999999999999.9",
    "0.000012345678901234", "4.35", "0.5e-22", "8.5e-05", "01", "1.", ".5", "-", "+1", "1e", "1e+", "0x1", "NaN",
};
static const char *const pieces[] = {
    "a", "key", "toJSON", "__proto__", "constructor", "length", "0", "1", "10", "4294967294", "4294967295", "01",
    "\\n", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udc00\\ud800", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9d\x84\x9e",
    "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf5\x80\x80\x80", "\\x", "\\u12", "\\", "\x01", " ", "0123456789abcdef",
    "a longer piece of text that is more than sixteen bytes", "\\\"", "\\/", "\\b\\f\\r\\t", "\x7f", "",
};

static void say_space(void)
{
    static const char *const spaces[] = {" ", "\n", "\t\r", "  ", "\v"};
    if (draw(12) == 0)
        say_word(spaces[draw(40) ? draw(4) : 4]);
}

static void say_string(void)
{
    say_word("\"");
    for (uint32_t count = draw(4); count; count--)
        say_word(pieces[draw(4) ? draw(12) : draw(sizeof pieces / sizeof *pieces)]);
    say_word("\"");
}

static void say_number(void)
{
    char digits[64];
    switch (draw(5)) {
    case 0: snprintf(digits, sizeof digits, "%d", (int)draw(100000) - 50000); break;
    case 1: snprintf(digits, sizeof digits, "%.*f", (int)draw(12), (double)draw(1u << 30) / (1 + draw(5000))); break;
    case 2: snprintf(digits, sizeof digits, "%.17g", (double)draw(1u << 30) / (1 + draw(5000))); break;
    case 3: snprintf(digits, sizeof digits, "%u%09ue%d", draw(1u << 30), draw(1000000000), (int)draw(80) - 40); break;
    default: say_word(numbers[draw(sizeof numbers / sizeof *numbers)]); return;
    }
    say_word(digits);
}

static void say_value(uint32_t nesting)
{
    say_space();
    switch (draw(nesting > 5 ? 5 : 9)) {
    case 0: say_word("true"); break;
    case 1: say_word(draw(9) ? "null" : "nul"); break;
    case 2: say_word("false"); break;
    case 3: say_number(); break;
    case 4: say_string(); break;
    case 5: case 6:
        say_word("[");
        for (uint32_t count = draw(5); count; count--) {
            say_value(nesting + 1);
            if (count > 1)
                say_word(",");
        }
        say_word("]");
        break;
    default:
        say_word("{");
        for (uint32_t count = draw(60) ? draw(6) : draw(100); count; count--) {
            say_space();
            say_string();
            say_space();
            say_word(":");
            say_value(nesting + 1);
            if (count > 1)
                say_word(",");
        }
        say_word("}");
    }
    say_space();
}

static void change(void)
{
    static const char marks[] = "{}[]\",:\\0-.eE+u \x80\xff\n\0";
    for (uint32_t count = 1 + draw(3); count && length; count--) {
        uint32_t at = draw((uint32_t)length);
        switch (draw(4)) {
        case 0: text[at] = marks[draw(sizeof marks - 1)]; break;
        case 1: text[at] = (char)draw(256); break;
        case 2: length = at; break;
        default: {
            uint32_t from = draw((uint32_t)length), size = draw((uint32_t)(length - from) + 1);
            if (length + size <= MOST_TEXT) {
                char piece[MOST_TEXT];
                memcpy(piece, text + from, size);
                memmove(text + at + size, text + at, length - at);
                memcpy(text + at, piece, size);
                length += size;
            }
        }
        }
    }
}

#endif
