/* Programs in a row: what one emits on its link is the next one's message, without a way through the host.
 *
 * A message goes through all programs before the next one is begun, so at any moment few values wait: at each program
 * what one invocation of the one before it passed on. Values are passed as the texts that would otherwise have
 * gone through the host, so each program sees what it would have seen alone.
 */
#include <string.h>

#include "link.h"
#include "memory.h"
#include "message.h"
#include "output.h"
#include "wasi.h"

enum {
    MOST_INVOCATIONS = 4096,         /* of one call; some milliseconds, and the host knows this number */
    KEPT_QUEUE = 1024 * 1024,
};

static void invoke(struct guest *program, char *text, uint32_t length, uint16_t port)
{
    guest = program;
    guest->phase = PHASE_PROCESS;
    if (guest->link != NO_PORT)
        queue_clear(&guests[guest->index + 1].queue);
    chain_invocation = (struct invocation){text, length, port};
    message_process(text, length, port);
}

static bool is_enough(void)
{
    return output_length() >= RETURN_EARLY_AT || output_records() >= RETURN_EARLY_AT_RECORDS ||
           status.closed >= MOST_INVOCATIONS;
}

/* Hands over to the host what waits: the furthest program's first, whose values are the oldest on their edge. */
static void hand_over(uint32_t first)
{
    for (uint32_t at = guest_count - 1; at > first; at--) {
        struct queue *queue = &guests[at].queue;
        guest = &guests[at];
        while (queue_has_more(queue)) {
            uint32_t length;
            char *text = queue_take(queue, &length);
            output_raw(SYMBIA_PENDING, guest->entry, text, length);
        }
    }
}

/* One message of the batch, and all that follows from it; false when the host is to go on with it. */
static bool pass_through(struct guest *first, char *text, uint32_t length, uint16_t port)
{
    uint32_t at = first->index;
    invoke(first, text, length, port);
    for (;;) {
        if (guests[at].link != NO_PORT && queue_has_more(&guests[at + 1].queue))
            at++;
        while (at > first->index && !queue_has_more(&guests[at].queue))
            at--;
        if (at == first->index)
            return true;
        if (is_enough()) {
            hand_over(first->index);
            return false;
        }
        text = queue_take(&guests[at].queue, &length);
        invoke(&guests[at], text, length, guests[at].entry);
    }
}

static void begin_call(void)
{
    output_begin_call();
    status.begun = 0;
    memset(status.programs, 0, guest_count * sizeof *status.programs);
    for (uint32_t i = 0; i < guest_count; i++) {
        struct queue *queue = &guests[i].queue;
        queue_clear(queue);
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
    for (uint32_t i = 0; i < batch.count && !is_enough(); i++) {
        uint16_t place[2];
        uint32_t value_length;
        memcpy(place, places + i * sizeof place, sizeof place);
        memcpy(&value_length, lengths + i * sizeof value_length, sizeof value_length);
        if (place[1] >= guest_count)
            __builtin_trap();
        status.begun++;
        if (!pass_through(&guests[place[1]], text, value_length, place[0]))
            break;
        text += value_length;
    }
    chain_is_under_way = false;
    return 0;
}
