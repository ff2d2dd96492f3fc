/* The guest's reader and writer of JSON on the machine's own processor, beside QuickJS's, under sanitizers.
 *
 * fuzz SECONDS SEED [file ...] draws texts, changes them and those of the files, and holds of each:
 *   what our reader reads, QuickJS's reads, and both values are the same to the bit and to the order of keys;
 *   what our writer writes is what QuickJS's writes, of values that were read and of what programs made of them;
 *   what they leave to QuickJS has thrown nothing; and a refused allocation, whichever it is, is an exception.
 * QuickJS asserts at the end of each runtime that nothing of it is left, and the leak sanitizer says the same.
 */
#include "engine.c"

enum { MOST_TEXT = 4096, RUNS_OF_A_RUNTIME = 200, PROGRAMS_OF_A_RUN = 3 };

static uint64_t seed;
static uint64_t texts, read_by_us, written_by_us, refused;
static int64_t allocations_left = -1;     /* before one is refused; none is where this is negative */

static bool is_refused(void)
{
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

static void *fuzz_calloc(void *opaque, size_t count, size_t size)
{
    return is_refused() ? NULL : calloc(count, size);
}
static void *fuzz_malloc(void *opaque, size_t size)
{
    return is_refused() ? NULL : malloc(size);
}
static void fuzz_free(void *opaque, void *pointer)
{
    free(pointer);
}
static void *fuzz_realloc(void *opaque, void *pointer, size_t size)
{
    return is_refused() ? NULL : realloc(pointer, size);
}
static const JSMallocFunctions fuzz_memory = {fuzz_calloc, fuzz_malloc, fuzz_free, fuzz_realloc, malloc_usable_size};

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

/* Texts */

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

/* Values */

static bool are_same(JSContext *js, JSValueConst one, JSValueConst other);

static bool are_same_objects(JSContext *js, JSValueConst one, JSValueConst other)
{
    JSPropertyEnum *left, *right;
    uint32_t left_count, right_count;
    int flags = JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK;
    if (JS_IsArray(one) != JS_IsArray(other) ||
        JS_VALUE_GET_OBJ(one)->shape->proto != JS_VALUE_GET_OBJ(other)->shape->proto ||
        JS_GetOwnPropertyNames(js, &left, &left_count, one, flags) < 0 ||
        JS_GetOwnPropertyNames(js, &right, &right_count, other, flags) < 0)
        return false;
    bool same = left_count == right_count;
    for (uint32_t i = 0; same && i < left_count; i++) {
        JSPropertyDescriptor mine, theirs;
        same = left[i].atom == right[i].atom && JS_GetOwnProperty(js, &mine, one, left[i].atom) == 1 &&
               JS_GetOwnProperty(js, &theirs, other, left[i].atom) == 1;
        if (!same)
            break;
        same = mine.flags == theirs.flags && are_same(js, mine.value, theirs.value);
        JS_FreeValue(js, mine.value);
        JS_FreeValue(js, theirs.value);
    }
    JS_FreePropertyEnum(js, left, left_count);
    JS_FreePropertyEnum(js, right, right_count);
    return same;
}

static bool are_same(JSContext *js, JSValueConst one, JSValueConst other)
{
    if (JS_IsNumber(one) && JS_IsNumber(other)) {
        double left, right;
        JS_ToFloat64(js, &left, one);
        JS_ToFloat64(js, &right, other);
        return memcmp(&left, &right, sizeof left) == 0;
    }
    if (JS_IsObject(one) && JS_IsObject(other))
        return are_same_objects(js, one, other);
    return JS_IsSameValue(js, one, other);
}

static void forget_exception(JSContext *js)
{
    JS_FreeValue(js, JS_GetException(js));
}

static void hold_written(JSContext *js, struct json *json, JSValueConst value)
{
    enum json_outcome outcome = json_write(js, json, value);
    if (JS_HasException(js))
        fail("an exception while writing", text, length);
    if (outcome != JSON_DONE)
        return;
    written_by_us++;
    size_t count;
    JSValue reference = JS_JSONStringify(js, value, JS_UNDEFINED, JS_UNDEFINED);
    const char *utf8 = JS_ToCStringLen(js, &count, reference);
    if (!utf8 || count != json->text_length || memcmp(utf8, json->text, count)) {
        fprintf(stderr, "ours:   %.*s\ntheirs: %s\n", (int)json->text_length, json->text, utf8 ? utf8 : "(exception)");
        fail("the texts differ", text, length);
    }
    JS_FreeCString(js, utf8);
    JS_FreeValue(js, reference);
}

/* What a program may make of a value before it emits it. */
static const char programs[] =
    "[v => ({...v, total: 1.1}), v => [v, , v], v => (Object.defineProperty(v, 'x', {get: () => 1}), v),"
    " v => (v.toJSON = () => 5, v), v => Object.freeze(v), v => (v.length = 9, v), v => (delete v.a, v),"
    " v => Object.create(v), v => Object.assign(Object.create(null), v), v => [undefined, v, () => v, Symbol('s')],"
    " v => ({u: undefined, f() {}, [Symbol('s')]: 1, v}), v => (v[1] = v[10] = v.key = [v.a], v.b = 1, v),"
    " v => [new Date(0), v], v => new Map([[1, v]]), v => String(v.a) + '\\ud800' + JSON.stringify(v), v => [1n],"
    " v => 'x'.repeat(300) + JSON.stringify(v) + '\\u20ac'.repeat(50), v => new (class A { a = v; #b = v })(),"
    " v => new (class A { toJSON() { return 3 } })(), v => { const a = [v]; a[0] = a; return a },"
    " v => Object.entries(v), v => Object.defineProperty([v], 'toJSON', {value: 1}), v => [NaN, -0, 1e21, 5e-324, v],"
    " v => (Array.prototype.toJSON = function () { return 4 }, v), v => (delete Array.prototype.toJSON, v),"
    " v => (Object.prototype.toJSON = 7, v), v => (delete Object.prototype.toJSON, v), v => new Proxy([v], {}),"
    " v => Object.setPrototypeOf([v], new Proxy({}, {get: () => () => 6})),"
    " v => Array.from({length: 200}).reduce((a) => [a], v),"
    " v => Array.from({length: 300}).reduce((a) => ({a}), v), v => Object.setPrototypeOf([v], null),"
    " v => Object.defineProperty({a: v, b: 1}, 'a', {enumerable: false}),"
    " v => [[...JSON.stringify(v)].sort().join('')]]";

static void run_programs(JSContext *js, struct json *json, JSValueConst list, JSValueConst value)
{
    int64_t count;
    JS_GetLength(js, list, &count);
    for (int i = 0; i < PROGRAMS_OF_A_RUN; i++) {
        JSValue program = JS_GetPropertyInt64(js, list, draw((uint32_t)count));
        JSValue result = JS_Call(js, program, JS_UNDEFINED, 1, &value);
        if (JS_IsException(result))
            forget_exception(js);
        else
            hold_written(js, json, result);
        JS_FreeValue(js, result);
        JS_FreeValue(js, program);
    }
}

/* One text, read and written with every allocation refused in turn. */
static void hold_refusals(JSContext *js, struct json *json)
{
    for (int64_t nth = 0;; nth++) {
        JSValue value = JS_UNDEFINED;
        allocations_left = nth;
        enum json_outcome outcome = json_read(js, json, text, length, &value);
        if (outcome == JSON_DONE)
            outcome = json_write(js, json, value);
        bool was_enough = allocations_left != 0;
        allocations_left = -1;
        if (JS_HasException(js) != (outcome == JSON_THROWN))
            fail("an outcome that does not say whether there is an exception", text, length);
        forget_exception(js);
        JS_FreeValue(js, value);
        refused += !was_enough;
        if (was_enough)
            return;
        json_free(JS_GetRuntime(js), json);     /* so that next time all of it is asked for again */
    }
}

static void hold(JSContext *js, struct json *json, JSValueConst list)
{
    text[length] = 0;
    /* A copy of exactly this length, behind which the sanitizer sees every byte. */
    char *exact = malloc(length + 1);
    memcpy(exact, text, length + 1);
    texts++;
    JSValue value = JS_UNDEFINED, reference;
    enum json_outcome outcome = json_read(js, json, exact, length, &value);
    if (JS_HasException(js))
        fail("an exception while reading", text, length);
    if (outcome == JSON_DONE) {
        read_by_us++;
        reference = JS_ParseJSON(js, text, length, "<text>");
        if (JS_IsException(reference) || !are_same(js, value, reference))
            fail("the values differ", text, length);
        JS_FreeValue(js, reference);
        hold_written(js, json, value);
        run_programs(js, json, list, value);
        JS_FreeValue(js, value);
    }
    free(exact);
    if (draw(50) == 0)
        hold_refusals(js, json);
}

static void fill(char **files, int count)
{
    length = 0;
    FILE *file = count && draw(3) == 0 ? fopen(files[draw((uint32_t)count)], "rb") : NULL;
    if (file) {
        length = fread(text, 1, MOST_TEXT, file);
        fclose(file);
    } else {
        say_value(0);
    }
    if (draw(3) == 0)
        change();
}

static void run(char **files, int count)
{
    JSRuntime *runtime = JS_NewRuntime2(&fuzz_memory, NULL);
    JSContext *js = JS_NewContext(runtime);
    struct json json = {0};
    JSValue list = JS_Eval(js, programs, sizeof programs - 1, "<programs>", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(list))
        fail("the programs do not parse", programs, sizeof programs - 1);
    for (int i = 0; i < RUNS_OF_A_RUNTIME; i++) {
        fill(files, count);
        hold(js, &json, list);
    }
    JS_FreeValue(js, list);
    json_free(runtime, &json);
    JS_FreeContext(js);
    JS_FreeRuntime(runtime);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    time_t until = time(NULL) + atoi(argv[1]);
    seed = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    do
        run(argv + 3, argc - 3);
    while (time(NULL) < until);
    printf("%llu texts, %llu read and %llu written by us, %llu refused allocations\n", (unsigned long long)texts,
           (unsigned long long)read_by_us, (unsigned long long)written_by_us, (unsigned long long)refused);
    return 0;
}
