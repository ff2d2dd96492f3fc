/* Programs that feed each other: what one emits is the message of those behind it, without a way through the host.
 *
 * A message goes through all programs before the next one is begun, so at any moment few values wait: before each
 * program what one invocation of each of those before it passed on. Values are passed as the texts that would otherwise have
 * gone through the host, so each program sees what it would have seen alone.
 */
#include <string.h>

#include "link.h"
#include "memory.h"
#include "message.h"
#include "output.h"
#include "relay.h"
#include "wasi.h"
#include "ways.h"

enum {
    MOST_INVOCATIONS = 4096,         /* of one call; some milliseconds, and the host knows this number */
    KEPT_QUEUE = 1024 * 1024,
};

static void invoke(struct guest *program, struct invocation message)
{
    guest = program;
    chain_invocation = message;
    if (guest->relayed) {
        relay_message(message.port);
        return;
    }
    guest->phase = PHASE_PROCESS;
    message_process((char *)message.text, (uint32_t)message.length, message.port);
}

static bool is_enough(void)
{
    return output_length() >= RETURN_EARLY_AT || output_records() >= RETURN_EARLY_AT_RECORDS ||
           status.closed >= MOST_INVOCATIONS;
}

static uint32_t furthest(void)
{
    return program_of_rank[31 - __builtin_clz(chain_waiting)];
}

/* Hands over to the host what waits: the furthest program's first, whose values are the oldest on their ways. */
static void hand_over(void)
{
    while (chain_waiting) {
        struct frame frame;
        guest = &guests[furthest()];
        char *text = chain_take(guest->index, &frame);
        chain_invocation.lane = frame.lane;
        output_raw(SYMBIA_PENDING, frame.way, text, frame.length);
    }
}

/* One message of the batch, and all that follows from it; false when the host is to go on with it. The furthest
 * program that has something is always first, so that little waits, and so that a program that fails can take back
 * what it passed on by emptying the queues behind it. */
static bool pass_through(struct guest *first, struct invocation message)
{
    invoke(first, message);
    while (chain_waiting) {
        if (is_enough()) {
            hand_over();
            return false;
        }
        struct frame frame;
        uint32_t at = furthest();
        char *text = chain_take(at, &frame);
        invoke(&guests[at], (struct invocation){text, frame.length, ways[frame.way].input, frame.lane, frame.came});
    }
    return true;
}

static void begin_call(void)
{
    output_begin_call();
    status.begun = 0;
    memset(status.counts, 0, (2 * guest_count + outlet_count) * sizeof *status.counts);
    for (uint32_t i = 0; i < guest_count; i++) {
        struct queue *queue = &guests[i].queue;
        chain_clear(i);
        if (queue->capacity > KEPT_QUEUE) {
            memory_give(queue->buffer);
            queue->buffer = NULL;
            queue->capacity = 0;
        }
    }
}

int32_t __attribute__((export_name("symbia_chain"))) symbia_chain(uint32_t length)
{
    struct symbia_chain_batch batch;
    memcpy(&batch, input, sizeof batch);
    const char *places = input + sizeof batch;
    const char *lengths = places + batch.count * sizeof(uint32_t);
    char *text = (char *)lengths + batch.count * sizeof(uint32_t);
    (void)length;

    clock_set_ms(batch.now_ms);
    begin_call();
    chain_is_under_way = true;
    chain_tells_outputs = batch.told != SYMBIA_TOLD_NOTHING;
    chain_is_traced = batch.told == SYMBIA_TOLD_EVERYTHING;
    is_awaited = false;
    for (uint32_t i = 0; i < batch.count && !is_enough() && !(i && is_awaited); i++) {
        uint16_t place[2];
        uint32_t value_length;
        memcpy(place, places + i * sizeof place, sizeof place);
        memcpy(&value_length, lengths + i * sizeof value_length, sizeof value_length);
        if (place[1] >= guest_count)
            __builtin_trap();
        status.begun++;
        if (!pass_through(&guests[place[1]], (struct invocation){text, value_length, place[0], batch.lane, i + 1}))
            break;
        text += value_length;
    }
    chain_is_under_way = false;
    return 0;
}
