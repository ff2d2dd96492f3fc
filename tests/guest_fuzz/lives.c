/* The whole guest on the machine's own processor, under sanitizers: its programs, batches, output and chains.
 *
 * lives SECONDS SEED draws guests: programs, alone or in a row, some of which only hand on, and batches of texts for them. Of each it holds:
 *   the output is whole records that name declared ports and programs, closes what the status block says, and all
 *   values in it are JSON where those that came were;
 *   with an allocation of a batch refused, whichever it is, the guest ends as the host expects, or goes on soundly.
 * While a context is made, QuickJS does not look whether it was refused one, so nothing is refused there.
 * A guest that gives up ends in a trap, and its memory with it: so each lives in a process of its own, and so does each
 * batch in which an allocation is refused.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "output.c"      /* whose buffer has an address that the status block of 32 bits does not hold here */

#include "fuzz_texts.h"
#include "wasi.h"

enum { MOST_BATCH = 64 * 1024, MOST_VALUES = 6, MOST_PROGRAMS = 4, OUTPUTS = 3 };

int32_t symbia_open(uint32_t length);
int32_t symbia_relay(uint32_t length);
int32_t symbia_process(uint32_t length);
int32_t symbia_chain(uint32_t length);
int32_t symbia_select(uint32_t index);
int32_t symbia_close(void);
uint32_t symbia_input(uint32_t capacity);

void clock_set_ns(uint64_t ns)
{
    (void)ns;
}

void clock_set_ms(double ms)
{
    (void)ms;
}

/* A trap is how a guest gives up; nothing is freed by then, nor ever at a guest's end. */
const char *__asan_default_options(void)
{
    return "handle_sigill=0:detect_leaks=0";
}

static int64_t allocations_left = -1;     /* before one is refused; none is where this is negative */
static bool stays_refused, was_refused;

static bool is_refused(void)
{
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    was_refused = true;
    allocations_left = stays_refused ? 0 : -1;
    return true;
}

static void *fuzz_malloc(size_t size)
{
    return is_refused() ? NULL : malloc(size);
}

static void *fuzz_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : calloc(count, size);
}

static void *fuzz_realloc(void *pointer, size_t size)
{
    return is_refused() ? NULL : realloc(pointer, size);
}

#define malloc fuzz_malloc
#define calloc fuzz_calloc
#define realloc fuzz_realloc
#include "memory.c"
#undef malloc
#undef calloc
#undef realloc

static const char *const expressions[] = {
    "value", "value.a", "({...value, total: 1.5})", "[value, value]", "(value.key, value)", "Object.entries(value)",
    "JSON.stringify(value)", "JSON.parse(JSON.stringify(value))", "value?.a?.b ?? value", "Object.values(value).at(-1)",
    "[value.a, {b: value[0]}]", "(globalThis.kept ??= value, [kept, value])", "new Date(0)", "'\\ud800' + value",
    "[...'x'.repeat(60)].reduce((a) => [a], value)", "(value.x = value, 1)", "new Proxy(value, {})",
    "JSON.rawJSON('1.0')", "(Array.prototype.toJSON = () => 1, value)", "String(value).repeat(100)", "undefined",
    "new Array(3).fill(value)", "Array.from({length: 9}, () => value)", "new (class extends Array {})(value, 1)",
    "Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map(key => [key, value]))",
};
static const char *const bodies[] = {
    "ctx.emit('out', value); ctx.emit('side', value)", "for (const each of Object.values(value)) ctx.emit('out', each)",
    "ctx.setState('k', value); ctx.emit('out', ctx.getState('k'))", "ctx.emitBatch('out', [value, value.a, value])",
    "ctx.log('info', 'm', value); console.log(value, {value})", "throw value", "throw new TypeError(String(value.a))",
    "await null; this.kept = [value, this.kept]; ctx.emit('out', this.kept)", "ctx.emit('out', value); throw 1",
    "const part = Object.values(value).find(each => each === Object(each)); this.last ??= part; part.x = 1;"
    " ctx.emit('out', [part, this.last, value])", "for (let i = 0; i < 9; i++) ctx.emit('out', value)",
    "ctx.setState(String(value.a), this.part = value.b); ctx.emit('out', ctx.getState('a') ?? this.part)",
    "new FinalizationRegistry(() => 1).register(value, 1); ctx.emit('nowhere', value)", "return value", "",
    "class C extends class { constructor() { return value } } { #x = 1 } new C(); ctx.emit('out', value)",
    "Promise.reject(value); ctx.emit('out', 1)", "Object.freeze(value); ctx.emit('out', {value})",
};

static bool all_are_json;
static uint32_t program_count;

static void say_program(char *into, size_t room, uint32_t at)
{
    uint32_t expression_count = sizeof expressions / sizeof *expressions;
    uint32_t which = draw(expression_count + sizeof bodies / sizeof *bodies + 1);
    const char *mode = "handler", *head = "{async process(ctx, port, value) {", *source, *tail = "}}";
    if (which == 0) {
        mode = "test", head = tail = "", source = "value.a";
    } else if (which <= expression_count) {
        mode = "map", head = tail = "", source = expressions[which - 1];
    } else {
        source = bodies[which - expression_count - 1];
    }
    char escaped[1024], behind[64] = "", second[32] = "";
    size_t length = 0;
    for (const char *c = source; *c; c++) {
        if (*c == '\\' || *c == '"')
            escaped[length++] = '\\';
        escaped[length++] = *c;
    }
    escaped[length] = 0;
    if (at + 2 < program_count && draw(2))
        snprintf(second, sizeof second, ",[%u,0,%u]", at + 2, draw(2));
    if (at + 1 < program_count)
        snprintf(behind, sizeof behind, "[0,%u,[[%u,0,0]%s]]", draw(2), at + 1, second);
    snprintf(into, room,
             "{\"mode\":\"%s\",\"source\":\"%s%s%s\",\"entrypoint\":\"handler\",\"filename\":\"component.js\","
             "\"executionId\":\"e\",\"nodeId\":\"n\",\"instanceId\":\"i\",\"config\":{},\"inputs\":[\"in\"],"
             "\"outputs\":[\"out\",\"side\",\"error\"],\"state\":{\"k\":[1]},\"restored\":0,\"check\":0,"
             "\"rank\":%u,\"outlets\":[%s],\"memoryBytes\":%u,\"unheard\":[%s],\"limits\":{\"emissions\":%u,\"outputBytes\":%u,\"logLines\":5,"
             "\"logBytes\":500,\"stateKeys\":5,\"stateBytes\":2000}}",
             mode, head, escaped, tail, at, behind, program_count > 1 ? 1u << (20 + draw(6)) : 0, draw(2) ? "" : "1",
             1 + draw(20), 100 + draw(60000));
}

static bool is_json(JSContext *js, const char *value, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, value, size);
    copy[size] = 0;
    JSValue read = JS_ParseJSON(js, copy, size, "<said>");
    bool is_read = !JS_IsException(read);
    if (!is_read)
        JS_FreeValue(js, JS_GetException(js));
    JS_FreeValue(js, read);
    free(copy);
    return is_read;
}

static JSContext *judge(void)
{
    static JSContext *js;
    if (!js)
        js = JS_NewContext(JS_NewRuntime());
    return js;
}

/* What the host checks, and that no value is spoilt. */
static void hold_output(bool is_chain, uint32_t messages)
{
    size_t at = 0;
    uint32_t closed = 0;
    while (at < status.length) {
        struct symbia_record record;
        if (status.length - at < sizeof record)
            fail("a record without a whole head", buffer, status.length);
        memcpy(&record, buffer + at, sizeof record);
        const char *payload = buffer + at + sizeof record;
        at += sizeof record + record.length;
        if (at > status.length)
            fail("a record beyond the output", buffer, status.length);
        closed += record.flags & SYMBIA_CLOSES;
        bool is_value = record.kind == SYMBIA_EMIT || record.kind == SYMBIA_INPUT || record.kind == SYMBIA_PENDING;
        uint32_t program = record.flags % SYMBIA_APOCRYPHAL / SYMBIA_OF_PROGRAM;
        uint32_t ports = record.kind == SYMBIA_PENDING ? 2 * program_count : OUTPUTS;
        if (record.kind > SYMBIA_PENDING || program >= program_count || record.port >= ports ||
            (!is_chain && record.kind > SYMBIA_ERROR))
            fail("a record that names what there is not", buffer, status.length);
        if (is_value && all_are_json && !is_json(judge(), payload, record.length))
            fail("a value that is no JSON", payload, record.length);
        if ((record.kind == SYMBIA_LOG || record.kind == SYMBIA_ERROR) && all_are_json &&
            !is_json(judge(), payload, record.length))
            fail("a line that is no JSON", payload, record.length);
    }
    if (!is_chain && (closed != status.closed || closed > messages))
        fail("messages that were closed more often than counted", buffer, status.length);
}

static char batch[MOST_BATCH];

/* Texts one behind the other, of a length that a batch has room for. */
static uint32_t draw_batch(bool is_chain, uint32_t *length_of_all)
{
    uint32_t count = 1 + draw(MOST_VALUES), lengths[MOST_VALUES], targets[MOST_VALUES];
    size_t head = is_chain ? sizeof(struct symbia_chain_batch) : sizeof(struct symbia_batch), total = 0;
    size_t texts = head + 2 * count * sizeof(uint32_t);
    for (uint32_t i = 0; i < count; i++) {
        length = 0;
        say_value(0);
        if (draw(20) == 0)
            change();
        all_are_json = all_are_json && is_json(judge(), text, length);
        memcpy(batch + texts + total, text, length);
        total += length;
        lengths[i] = (uint32_t)length;
        targets[i] = is_chain ? draw(program_count) << 16 : 0;
    }
    if (is_chain)
        memcpy(batch, &(struct symbia_chain_batch){count, 0, (uint16_t)draw(3), (uint16_t)draw(2)}, head);
    else
        memcpy(batch, &(struct symbia_batch){count, 0}, head);
    memcpy(batch + head, targets, count * sizeof *targets);
    memcpy(batch + head + count * sizeof *targets, lengths, count * sizeof *lengths);
    *length_of_all = (uint32_t)(texts + total);
    return count;
}

/* What was drawn goes into a buffer of exactly its length, behind which the sanitizer sees every byte but one. */
static void write_input(const char *bytes, uint32_t size)
{
    symbia_input(size);
    if (!input)
        __builtin_trap();
    memcpy(input, bytes, size);
}

static void process(bool is_chain, uint32_t count, uint32_t size)
{
    write_input(batch, size);
    if (is_chain)
        symbia_chain(size);
    else
        symbia_process(size);
    hold_output(is_chain, count);
}

/* In a process of its own; answers whether it gave up. */
static bool apart(void (*what)(uint64_t), uint64_t argument)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        what(argument);
        _exit(0);
    }
    int ended;
    waitpid(child, &ended, 0);
    bool gave_up = WIFSIGNALED(ended) && WTERMSIG(ended) == SIGILL;
    if (!gave_up && (!WIFEXITED(ended) || WEXITSTATUS(ended)))
        fail("a guest that ended by a mistake", batch, 0);
    return gave_up;
}

static bool is_chain;
static uint32_t batch_count, batch_size;

static int *reached;         /* shared with children: whether one met a refusal, and how many did */

/* One batch with an allocation refused, and a sound one behind it. */
static void refused_batch(uint64_t nth)
{
    stays_refused = nth & 1;
    allocations_left = (int64_t)(nth >> 1);
    *reached = 1;
    write_input(batch, batch_size);
    is_chain ? symbia_chain(batch_size) : symbia_process(batch_size);
    hold_output(is_chain, batch_count);
    *reached = was_refused;
    allocations_left = -1;
    uint32_t size, count = draw_batch(is_chain, &size);
    process(is_chain, count, size);
}

/* In the place of a program what only hands on, by the same ways as a program would have. */
static void open_relay(uint32_t at)
{
    uint16_t numbers[16] = {0}, *next = numbers;
    bool is_last = at + 1 == program_count, is_fork = at + 2 < program_count && draw(2);
    struct symbia_relay opening = {draw(2) ? 0 : 1, (uint16_t)at, 1, !is_last, 0};
    *next++ = 0;
    if (!is_last) {
        *next++ = 0, *next++ = (uint16_t)draw(2), *next++ = (uint16_t)(1 + is_fork);
        *next++ = (uint16_t)(at + 1), *next++ = 0, *next++ = (uint16_t)draw(2);
    }
    if (is_fork)
        *next++ = (uint16_t)(at + 2), *next++ = 0, *next++ = (uint16_t)draw(2);
    char opened[sizeof opening + sizeof numbers];
    size_t size = (size_t)(next - numbers) * sizeof *numbers;
    memcpy(opened, &opening, sizeof opening);
    memcpy(opened + sizeof opening, numbers, size);
    write_input(opened, (uint32_t)(sizeof opening + size));
    symbia_relay((uint32_t)(sizeof opening + size));
}

static void life(uint64_t number)
{
    char document[4096];
    bool is_relay[MOST_PROGRAMS] = {false};
    seed = number * 0x9E3779B97F4A7C15u + 1;
    program_count = draw(2) ? 1 : 2 + draw(MOST_PROGRAMS - 1);
    is_chain = program_count > 1;
    all_are_json = true;
    for (uint32_t at = 0; at < program_count; at++) {
        is_relay[at] = is_chain && draw(4) == 0;
        if (is_relay[at]) {
            open_relay(at);
            continue;
        }
        say_program(document, sizeof document, at);
        struct symbia_open opening = {number, 0};
        char opened[sizeof opening + sizeof document];
        memcpy(opened, &opening, sizeof opening);
        memcpy(opened + sizeof opening, document, strlen(document));
        write_input(opened, (uint32_t)(sizeof opening + strlen(document)));
        if (symbia_open((uint32_t)(sizeof opening + strlen(document))))
            return;
    }
    for (uint32_t turn = 8; turn; turn--) {
        batch_count = draw_batch(is_chain, &batch_size);
        process(is_chain, batch_count, batch_size);
    }
    if (draw(4) == 0) {
        batch_count = draw_batch(is_chain, &batch_size);
        for (uint64_t nth = 0;; nth++) {
            apart(refused_batch, nth);
            if (!*reached)
                break;
            reached[1]++;
        }
    }
    for (uint32_t at = 0; at < program_count; at++) {
        if (is_relay[at])
            continue;
        symbia_select(at);
        symbia_close();
        hold_output(false, 1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    time_t until = time(NULL) + atoi(argv[1]);
    reached = mmap(NULL, 2 * sizeof *reached, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t first = strtoull(argv[2], NULL, 10) << 32, number = first, gave_up = 0;
    do
        gave_up += apart(life, number++);
    while (time(NULL) < until);
    printf("%llu guests, %llu of which gave up, %d refused allocations\n", (unsigned long long)(number - first),
           (unsigned long long)gave_up, reached[1]);
    return 0;
}
