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

void ways_begin(uint32_t rank)
{
    if (rank >= SYMBIA_CHAIN_MOST)
        __builtin_trap();
    guest->rank = rank;
    program_of_rank[rank] = guest->index;
    guest->first_outlet = outlet_count;
    guest->outlet_count = 0;
}

void ways_outlet(uint16_t port, bool is_told, uint32_t count)
{
    if (outlet_count == SYMBIA_OUTLETS_MOST)
        __builtin_trap();
    outlets[outlet_count++] = (struct outlet){port, is_told, way_count, count, 0};
    guest->outlet_count++;
    add_ways(count);
}

void ways_way(uint32_t at, struct way way)
{
    if (way.program <= guest->index || way.program >= SYMBIA_CHAIN_MOST)
        __builtin_trap();
    ways[outlets[outlet_count - 1].first_way + at] = way;
}

static void read_outlet(JSValueConst document)
{
    JSValue list = JS_GetPropertyInt64(guest->js, document, 2);
    uint32_t count = length_of(list);
    ways_outlet(number_at(document, 0), number_at(document, 1) != 0, count);
    for (uint32_t i = 0; i < count; i++) {
        JSValue numbers = JS_GetPropertyInt64(guest->js, list, i);
        ways_way(i, (struct way){number_at(numbers, 0), number_at(numbers, 1), number_at(numbers, 2)});
        JS_FreeValue(guest->js, numbers);
    }
    JS_FreeValue(guest->js, list);
}

void ways_read(JSValueConst document)
{
    ways_begin((uint32_t)number_or(document, "rank", guest->index));
    JSValue list = JS_GetPropertyStr(guest->js, document, "outlets");
    for (uint32_t i = 0, count = length_of(list); i < count; i++) {
        JSValue outlet = JS_GetPropertyInt64(guest->js, list, i);
        read_outlet(outlet);
        JS_FreeValue(guest->js, outlet);
    }
    JS_FreeValue(guest->js, list);
}
