/* The ways between the programs of a chain: which output of which program leads to which input of which others. */
#include "ways.h"

#include <string.h>

#include "document.h"
#include "memory.h"

struct outlet outlets[SYMBIA_OUTLETS_MOST];
struct way *ways;
uint32_t outlet_count;
uint32_t program_of_rank[SYMBIA_CHAIN_MOST];

static uint32_t way_count;

static uint16_t number_at(JSValueConst array, int64_t index)
{
    int32_t number = 0;
    JSValue value = JS_GetPropertyInt64(guest->js, array, index);
    JS_ToInt32(guest->js, &number, value);
    JS_FreeValue(guest->js, value);
    return (uint16_t)number;
}

static void add_ways(uint32_t count)
{
    struct way *moved = memory_take((way_count + count) * sizeof *ways);
    if (way_count)
        memcpy(moved, ways, way_count * sizeof *ways);
    memory_give(ways);
    ways = moved;
    way_count += count;
}

static uint32_t length_of(JSValueConst array)
{
    int64_t length = 0;
    if (JS_IsArray(array))
        JS_GetLength(guest->js, array, &length);
    return (uint32_t)length;
}

static void read_way(JSValueConst numbers, struct way *way)
{
    *way = (struct way){number_at(numbers, 0), number_at(numbers, 1), number_at(numbers, 2)};
    if (way->program <= guest->index || way->program >= SYMBIA_CHAIN_MOST)
        __builtin_trap();
}

static void read_outlet(JSValueConst document)
{
    if (outlet_count == SYMBIA_OUTLETS_MOST)
        __builtin_trap();
    JSValue list = JS_GetPropertyInt64(guest->js, document, 2);
    uint32_t first = way_count, count = length_of(list);
    add_ways(count);
    for (uint32_t i = 0; i < count; i++) {
        JSValue numbers = JS_GetPropertyInt64(guest->js, list, i);
        read_way(numbers, &ways[first + i]);
        JS_FreeValue(guest->js, numbers);
    }
    JS_FreeValue(guest->js, list);
    outlets[outlet_count++] = (struct outlet){number_at(document, 0), number_at(document, 1) != 0, first, count, 0};
}

void ways_read(JSValueConst document)
{
    uint32_t rank = (uint32_t)number_or(document, "rank", guest->index);
    if (rank >= SYMBIA_CHAIN_MOST)
        __builtin_trap();
    guest->rank = rank;
    program_of_rank[rank] = guest->index;
    guest->first_outlet = outlet_count;
    JSValue list = JS_GetPropertyStr(guest->js, document, "outlets");
    for (uint32_t i = 0, count = length_of(list); i < count; i++) {
        JSValue outlet = JS_GetPropertyInt64(guest->js, list, i);
        read_outlet(outlet);
        JS_FreeValue(guest->js, outlet);
    }
    JS_FreeValue(guest->js, list);
    guest->outlet_count = outlet_count - guest->first_outlet;
}
