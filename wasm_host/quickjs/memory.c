/* QuickJS's allocator: the C library's, which also notes when it is refused.
 *
 * The limit is the linear memory itself, which the host bounds. JavaScript sees a refusal as an ordinary
 * exception and may recover; when it does not, the host reads the note and names the limit.
 */
#include <malloc.h>
#include <stdlib.h>

#include "guest.h"

static void *noted(void *pointer)
{
    if (!pointer)
        status.fault = SYMBIA_FAULT_MEMORY;
    return pointer;
}

static void *take_zeroed(void *opaque, size_t count, size_t size)
{
    (void)opaque;
    return noted(calloc(count, size));
}

static void *take(void *opaque, size_t size)
{
    (void)opaque;
    return noted(malloc(size));
}

static void give(void *opaque, void *pointer)
{
    (void)opaque;
    free(pointer);
}

static void *resize(void *opaque, void *pointer, size_t size)
{
    (void)opaque;
    void *moved = realloc(pointer, size);
    return size ? noted(moved) : moved;
}

static size_t usable_size(const void *pointer)
{
    return malloc_usable_size((void *)pointer);
}

const JSMallocFunctions memory_functions = {take_zeroed, take, give, resize, usable_size};

void *memory_take(size_t size)
{
    void *pointer = noted(malloc(size ? size : 1));
    if (!pointer)
        __builtin_trap();
    return pointer;
}

void memory_give(void *pointer)
{
    free(pointer);
}
