/* One call of a guest, with what is written before it and read behind it, in one call from Python.
 *
 * The same steps stand in core.py, one by one; each of them there costs more than what it does. Nothing here judges
 * what a guest says, and nothing is copied that does not lie within its memory, whose size and place are asked for
 * anew each time: a call may make it grow, and move.
 *
 * The functions of Wasmtime are not linked but handed over: so this knows no version of the library, and core.py,
 * which declares them, is the one place that does.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct functions {
    void *(*call_async)(void *context, const void *function, const void *arguments, size_t argument_count,
                        void *results, size_t result_count, void **trap, void **error);
    bool (*poll)(void *future);
    void (*delete_future)(void *future);
    void (*set_epoch_deadline)(void *context, uint64_t ticks);
    uint8_t *(*memory_data)(void *context, const void *memory);
    size_t (*memory_size)(void *context, const void *memory);
};

/* What a store keeps for its calls: one for each guest, its fields set once but for the last three. */
struct exchange {
    const struct functions *functions;
    void *context;
    const void *memory;
    const void *argument;      /* a wasmtime_val_t of the kind i32 */
    uint32_t *argument_value;  /* its number */
    void *result;
    void **trap;
    void **error;
    const void *function;      /* what is called; it takes an i32 and gives one */
    uint32_t cleared_at;       /* where zeros are written before */
    uint32_t cleared_bytes;
    uint32_t block_at;         /* the status block, which begins with the address and the length of the output */
    uint32_t block_bytes;
    uint8_t *block;            /* where it is copied to */
    uint8_t *output;           /* where the output is copied to, if it is not longer than this */
    uint32_t output_capacity;
    /* What came of it: */
    uint32_t output_bytes;     /* copied */
    uint64_t memory_bytes;
    void *future;              /* of a call that has not ended */
};

enum outcome { ENDED = 0, RUNNING = 1, OUT_OF_BOUNDS = 2, FAILED = 3, ENDED_UNREAD = 4 };

static bool holds(size_t size, uint64_t at, uint64_t length)
{
    return at + length <= size;
}

static uint32_t number_at(const uint8_t *numbers, uint32_t index)
{
    uint32_t number;
    memcpy(&number, numbers + index * sizeof number, sizeof number);
    return number;
}

/* The input is its head and then the values, whose lengths are the last numbers of the head. */
int symbia_exchange(struct exchange *one, uint32_t input_at, const uint8_t *head, uint32_t head_length,
                    const uint8_t *const *values, uint32_t value_count)
{
    const struct functions *wasmtime = one->functions;
    const uint8_t *lengths = head + head_length - value_count * sizeof(uint32_t);
    uint64_t length = head_length;
    for (uint32_t i = 0; i < value_count; i++)
        length += number_at(lengths, i);
    size_t size = wasmtime->memory_size(one->context, one->memory);
    if (!holds(size, input_at, length) || !holds(size, one->cleared_at, one->cleared_bytes))
        return OUT_OF_BOUNDS;
    uint8_t *memory = wasmtime->memory_data(one->context, one->memory);
    uint8_t *input = memory + input_at;
    memcpy(input, head, head_length);
    input += head_length;
    for (uint32_t i = 0; i < value_count; i++) {
        memcpy(input, values[i], number_at(lengths, i));
        input += number_at(lengths, i);
    }
    memset(memory + one->cleared_at, 0, one->cleared_bytes);

    *one->argument_value = (uint32_t)length;
    wasmtime->set_epoch_deadline(one->context, 1);
    one->future = wasmtime->call_async(one->context, one->function, one->argument, 1, one->result, 1, one->trap,
                                       one->error);
    if (!wasmtime->poll(one->future))
        return RUNNING;
    wasmtime->delete_future(one->future);
    one->future = NULL;
    if (*one->trap || *one->error)
        return FAILED;

    one->output_bytes = 0;
    one->memory_bytes = size = wasmtime->memory_size(one->context, one->memory);
    memory = wasmtime->memory_data(one->context, one->memory);
    if (!holds(size, one->block_at, one->block_bytes))
        return ENDED_UNREAD;
    memcpy(one->block, memory + one->block_at, one->block_bytes);
    uint32_t place[2];
    memcpy(place, one->block, sizeof place);
    if (place[1] > one->output_capacity || !holds(size, place[0], place[1]))
        return ENDED_UNREAD;
    memcpy(one->output, memory + place[0], place[1]);
    one->output_bytes = place[1];
    return ENDED;
}
