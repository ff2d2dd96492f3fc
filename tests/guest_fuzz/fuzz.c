/* The guest's reader and writer of JSON on the machine's own processor, beside QuickJS's, under sanitizers.
 *
 * fuzz SECONDS SEED [file ...] draws texts, changes them and those of the files, and holds of each:
 *   what our reader reads, QuickJS's reads, and both values are the same to the bit and to the order of keys;
 *   what our writer writes is what QuickJS's writes, of values that were read and of what programs made of them;
 *   what a program does with a value, or a part of one, that it is the first to look at, it does with one that QuickJS
 *   read;
 *   what they leave to QuickJS has thrown nothing; and a refused allocation, whichever it is, is an exception, in
 *   programs that only QuickJS runs, too.
 * QuickJS asserts at the end of each runtime that nothing of it is left, and the leak sanitizer says the same.
 */
#include "engine.c"

#include "fuzz_texts.h"

enum { RUNS_OF_A_RUNTIME = 200, PROGRAMS_OF_A_RUN = 3 };

static uint64_t texts, read_by_us, written_by_us, unread, refused;
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

/* What a program may make of a value before it emits it; or of the first container within that. */
static const char programs[] =
    "const inner = v => (v === Object(v) && Object.values(v).find(each => each === Object(each))) || v;"
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
    " v => [[...JSON.stringify(v)].sort().join('')], v => v, v => [Array.isArray(v), v], v => [Object.keys(v), v],"
    " v => { const out = []; for (const k in v) out.push(k); return [out, v] }, v => Object.isFrozen(Object.freeze(v)),"
    " v => [Object.isExtensible(Object.preventExtensions(v)), v], v => JSON.stringify(Object.create(v)),"
    " v => [Object.setPrototypeOf(v, {inherited: 1}).inherited, v.a, v.inherited, v],"
    " v => { class C extends class { constructor() { return v } } { #x = 5; x = c => c.#x } return [new C().x(v), v] },"
    " v => { class C extends class { constructor() { return v } } { #x() { return 6 } static x = c => [c.a, c.#x()] }"
    " return [C.x(new C()), v] }, v => [delete v.a, delete v[0], v], v => ('a' in v) + ('0' in v),"
    " v => (v.a = v[0] = 1, v), v => Reflect.getOwnPropertyDescriptor(v, 'a'), v => Object.create(v).a,"
    " v => Object.defineProperty(v, 'a', {value: 2}), v => (Object.create(v).a = 1, v), v => [...v],"
    " v => [Reflect.set({}, 'a', 1, v), v], v => Reflect.get(v, 'a', {}), v => [v.push?.(1), v.length, v],"
    " v => [].concat(v), v => Object.prototype.toString.call(v), v => v instanceof Array, v => new Proxy(v, {}),"
    " v => { const held = new WeakRef(v); return [held.deref() === v, v] }, v => { throw v },"
    " v => JSON.stringify(v), v => Reflect.ownKeys(v), v => [v, v, {v}], v => v.a?.b,"
    " v => { with_ = v; return Function('with (with_) { return typeof a }')() }, v => Object.entries(v).length,"
    " v => { const first = inner(v), second = inner(v); return [first === second, [[[first]]], v] },"
    " v => { const seen = []; const walk = each => { if (each === Object(each) && seen.length < 40) { seen.push(each);"
    " for (const key in each) walk(each[key]) } }; walk(v); return [seen.at(-1), v, seen.at(-2)] },"
    " v => { const first = inner(v); return [delete v[Object.keys(v)[0]], first] },"
    " v => (Array.isArray(v) ? v.concat(v, [v.at(-1)]) : {...v, ...v, again: v.a})]"
    ".flatMap(program => [program, v => program(inner(v)), v => { const first = inner(v); return [program(first), v] }])";

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

/* What a program made, as QuickJS reads and writes it again; or the exception's text. */
static JSValue plain(JSContext *js, struct json *json, JSValue made, bool is_by_us)
{
    if (JS_IsException(made)) {
        JSValue thrown = JS_GetException(js), text = JS_ToString(js, thrown);
        if (JS_IsException(text))
            forget_exception(js);
        JS_FreeValue(js, thrown);
        return JS_IsException(text) ? JS_NULL : text;
    }
    const char *utf8 = NULL, *written = NULL;
    size_t count = 0;
    enum json_outcome outcome = is_by_us ? json_write(js, json, made) : JSON_ODD;
    if (outcome == JSON_DONE) {
        written = json->text, count = json->text_length;
    } else if (outcome == JSON_CAME) {
        written = json->came, count = json->came_length;
    } else {
        JSValue text = JS_JSONStringify(js, made, JS_UNDEFINED, JS_UNDEFINED);
        if (!JS_IsString(text)) {
            JS_FreeValue(js, made);
            return JS_IsException(text) ? plain(js, json, text, false) : text;
        }
        written = utf8 = JS_ToCStringLen(js, &count, text);
        JS_FreeValue(js, text);
    }
    char *copy = malloc(count + 1);
    memcpy(copy, written, count);
    copy[count] = 0;
    JSValue value = JS_ParseJSON(js, copy, count, "<written>"), text;
    free(copy);
    JS_FreeCString(js, utf8);
    JS_FreeValue(js, made);
    text = JS_JSONStringify(js, value, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(js, value);
    return text;
}

/* A value that a program is the first to look at, its text let go before or after that, beside one that was read. */
static void hold_unread(JSContext *js, struct json *json, JSValueConst list)
{
    int64_t count;
    JS_GetLength(js, list, &count);
    JSValue program = JS_GetPropertyInt64(js, list, draw((uint32_t)count));
    char *exact = malloc(length + 1);
    memcpy(exact, text, length + 1);
    JSValue ours = json_receive(js, json, exact, length), theirs = JS_ParseJSON(js, text, length, "<text>");
    bool is_early = draw(2);
    if (draw(2) && JS_IsObject(ours) && json_look(js, JS_VALUE_GET_OBJ(ours)) < 0)
        fail("what QuickJS reads is not read by a level", text, length);
    if (is_early && json_settle(JS_GetRuntime(js), json))
        free(exact);
    JSValue made = JS_Call(js, program, JS_UNDEFINED, 1, &ours);
    made = plain(js, json, made, true);
    JSValue expected = plain(js, json, JS_Call(js, program, JS_UNDEFINED, 1, &theirs), false);
    if (!are_same(js, made, expected)) {
        fprintf(stderr, "ours:   %s\ntheirs: %s\nprogram: %s\n", JS_ToCString(js, made), JS_ToCString(js, expected),
                JS_ToCString(js, program));
        fail("a program sees that its value was unread", text, length);
    }
    if (!is_early && json_settle(JS_GetRuntime(js), json))
        free(exact);
    JS_FreeValue(js, ours);
    JS_FreeValue(js, theirs);
    JS_FreeValue(js, made);
    JS_FreeValue(js, expected);
    JS_FreeValue(js, program);
    unread++;
}

/* What a value may meet: read and written at once, or received, looked at by a level, written and settled, in some
 * order. */
static enum json_outcome meet(JSContext *js, struct json *json, uint32_t way, JSValue *value)
{
    JSRuntime *runtime = JS_GetRuntime(js);
    if (way == 0) {
        enum json_outcome outcome = json_read(js, json, text, length, value);
        return outcome == JSON_DONE ? json_write(js, json, *value) : outcome;
    }
    *value = json_receive(js, json, text, length);
    if (JS_IsException(*value))
        return JSON_THROWN;
    JSObject *object = JS_IsObject(*value) ? JS_VALUE_GET_OBJ(*value) : NULL;
    if ((way == 1 && !json_settle(runtime, json)) || (object && json_look(js, object) < 0) ||
        (way == 2 && !json_settle(runtime, json))) {
        if (!JS_HasException(js))
            JS_ThrowOutOfMemory(js);
        return JSON_THROWN;
    }
    return json_write(js, json, *value);
}

/* One text, with every allocation refused in turn. */
static void hold_refusals(JSContext *js, struct json *json)
{
    uint32_t way = draw(4);
    for (int64_t nth = 0;; nth++) {
        JSValue value = JS_UNDEFINED;
        allocations_left = nth;
        enum json_outcome outcome = meet(js, json, way, &value);
        bool was_enough = allocations_left != 0;
        allocations_left = -1;
        if (JS_HasException(js) != (outcome == JSON_THROWN))
            fail("an outcome that does not say whether there is an exception", text, length);
        forget_exception(js);
        JS_FreeValue(js, value);
        refused += !was_enough;
        if (was_enough)
            return;
        json_settle(JS_GetRuntime(js), json);
        json_free(JS_GetRuntime(js), json);     /* so that next time all of it is asked for again */
    }
}

/* Programs in which QuickJS itself has to do with a refusal, whichever allocation it meets: an array with a prototype
 * that another object has, too, so that the shape to which its length is added has to be copied; an object whose shape
 * grows, with the collector in the way. */
static const char *const refused_programs[] = {
    "class Own extends Array {} const held = Object.create(Own.prototype); (() => new Own(3))",
    "(() => { const own = Object.create({}); for (const key of 'abcdefghij') own[key] = own; return own })",
};

static void hold_refused_programs(JSContext *js)
{
    for (size_t i = 0; i < sizeof refused_programs / sizeof *refused_programs; i++) {
        const char *source = refused_programs[i];
        JSValue program = JS_Eval(js, source, strlen(source), "<refused>", JS_EVAL_TYPE_GLOBAL);
        bool was_enough = false;
        JS_FreeValue(js, JS_Call(js, program, JS_UNDEFINED, 0, NULL));     /* what is made when it is first asked for */
        for (int64_t nth = 0; !was_enough; nth++) {
            allocations_left = nth;
            JSValue made = JS_Call(js, program, JS_UNDEFINED, 0, NULL);
            was_enough = allocations_left != 0;
            allocations_left = -1;
            if (JS_IsException(made))
                forget_exception(js);
            JS_FreeValue(js, made);
            JS_RunGC(JS_GetRuntime(js));
            refused += !was_enough;
        }
        JS_FreeValue(js, program);
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
        hold_unread(js, json, list);
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
    json_begin(runtime, &json);
    JSValue list = JS_Eval(js, programs, sizeof programs - 1, "<programs>", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(list))
        fail("the programs do not parse", programs, sizeof programs - 1);
    hold_refused_programs(js);
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
    printf("%llu texts, %llu read and %llu written by us, %llu left unread, %llu refused allocations\n",
           (unsigned long long)texts, (unsigned long long)read_by_us, (unsigned long long)written_by_us,
           (unsigned long long)unread, (unsigned long long)refused);
    return 0;
}
