/* A component in C, as a WebAssembly component: forwards every tenth value.
 *
 * What wit-bindgen would generate stands here by hand, to show how little it is: the types of
 * wit/symbia-component.wit as the Canonical ABI lays them out, and one allocator for whatever is passed in.
 * `jco embed` adds the contract to the compiled module, and `jco new` makes a component of it.
 */
#include <stddef.h>
#include <stdint.h>

#define EVERY 10
#define HANDLER "symbia:component/handler@1.0.0#"
#define EXPORT(name) __attribute__((export_name(name)))

struct text { const char *at; uint32_t length; };
struct message { struct text port, value; };
struct emissions { struct message *at; uint32_t count; };
struct entries { void *at; uint32_t count; };
struct effects {
    struct emissions emissions;
    struct entries state, logs;
    uint8_t failed;
    struct text name, message, stack;
};
struct effects_list { struct effects *at; uint32_t count; };

extern char __heap_base[];
static char *next = __heap_base;
static uint32_t seen;

/* Upwards only; what one call took is free again when the next one begins. */
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t had, size_t align, size_t size)
{
    (void)old, (void)had;
    char *at = (char *)(((uintptr_t)next + align - 1) & -align);
    next = at + size;
    size_t have = __builtin_wasm_memory_size(0) << 16;
    if ((size_t)next > have && __builtin_wasm_memory_grow(0, ((size_t)next - have + 65535) >> 16) == (size_t)-1)
        __builtin_trap();
    return at;
}

static struct effects nothing;

EXPORT(HANDLER "open") struct effects *handler_open(const void *place)
{
    (void)place;
    return &nothing;
}

EXPORT(HANDLER "process") struct effects_list *handler_process(struct message *messages, uint32_t count, uint64_t now)
{
    static const char out[] = "out";
    static struct effects_list answer;
    (void)now;
    answer.at = cabi_realloc(0, 0, _Alignof(struct effects), count * sizeof(struct effects));
    answer.count = count;
    for (uint32_t at = 0; at < count; at++) {
        answer.at[at] = nothing;
        if (++seen % EVERY)
            continue;
        messages[at].port = (struct text){out, sizeof out - 1}; /* a message and an emission are alike */
        answer.at[at].emissions = (struct emissions){messages + at, 1};
    }
    return &answer;
}

EXPORT("cabi_post_" HANDLER "process") void process_done(struct effects_list *answer)
{
    (void)answer;
    next = __heap_base;
}

EXPORT(HANDLER "close") struct effects *handler_close(void)
{
    return &nothing;
}
