/* QuickJS's allocator: the C library's, which also notes when it is refused.
 *
 * The limit is the linear memory itself, which the host bounds. JavaScript sees a refusal as an ordinary
 * exception and may recover; when it does not, the host reads the note and names the limit.
 *
 * In a chain several programs share the memory, and each has its own bound within it. Whether a program of a chain
 * would have been refused alone is not known here, so it is not told: the guest ends, and the host runs the
 * messages again with a guest for each program.
 */
#include "memory.h"

#include <malloc.h>
#include <stdlib.h>

enum { HEADER = sizeof(size_t) };    /* what the C library holds beside each block */

size_t memory_held(const void *pointer)
{
    return pointer ? malloc_usable_size((void *)pointer) + HEADER : 0;
}

static void *noted(const struct guest *owner, void *pointer)
{
    if (!pointer) {
        status.fault = SYMBIA_FAULT_MEMORY;
        if (owner && owner->memory_limit)
            __builtin_trap();
    }
    return pointer;
}

static bool is_beyond(const struct guest *owner, size_t size)
{
    size_t held = owner->allocated, limit = owner->memory_limit;
    return limit && (held > limit || size > limit - held);
}

static void *owned(struct guest *owner, void *pointer)
{
    owner->allocated += memory_held(pointer);
    return noted(owner, pointer);
}

static void *take_zeroed(void *opaque, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || is_beyond(opaque, total))
        return noted(opaque, NULL);
    return owned(opaque, calloc(count, size));
}

static void *take(void *opaque, size_t size)
{
    if (is_beyond(opaque, size))
        return noted(opaque, NULL);
    return owned(opaque, malloc(size));
}

static void give(void *opaque, void *pointer)
{
    struct guest *owner = opaque;
    owner->allocated -= memory_held(pointer);
    free(pointer);
}

static void *resize(void *opaque, void *pointer, size_t size)
{
    struct guest *owner = opaque;
    size_t before = memory_held(pointer);
    if (size > before && is_beyond(owner, size - before))
        return noted(owner, NULL);
    void *moved = realloc(pointer, size);
    if (moved || !size)
        owner->allocated += memory_held(moved) - before;
    return size ? noted(owner, moved) : moved;
}

static size_t usable_size(const void *pointer)
{
    return malloc_usable_size((void *)pointer);
}

const JSMallocFunctions memory_functions = {take_zeroed, take, give, resize, usable_size};

void *memory_take(size_t size)
{
    void *pointer = noted(NULL, malloc(size ? size : 1));
    if (!pointer)
        __builtin_trap();
    return pointer;
}

void *memory_offer(size_t size)
{
    return noted(NULL, malloc(size));
}

void memory_give(void *pointer)
{
    free(pointer);
}
