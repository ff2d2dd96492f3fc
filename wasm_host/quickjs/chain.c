/* Programs in a row: what one emits on its link is the next one's message, without a way through the host.
 *
 * A message goes through all programs before the next one is begun, so at any moment few values wait: at each program
 * what one invocation of the one before it passed on. Values are passed as the texts that would otherwise have
 * gone through the host, so each program sees what it would have seen alone.
 */
#include <string.h>

#include "guest.h"

enum {
    MOST_INVOCATIONS = 4096,         /* of one call; some milliseconds, and the host knows this number */
    MOST_NESTING = 200,              /* deeper values are for the host to judge, which bounds them too */
    KEPT_QUEUE = 1024 * 1024,
};

bool chain_is_under_way, chain_is_traced;
struct invocation chain_invocation;

static bool is_nested_too_deeply(const char *text, size_t length)
{
    if (length <= MOST_NESTING || (text[0] != '[' && text[0] != '{'))
        return false;
    int depth = 0;
    bool is_quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (is_quoted) {
            if (c == '\\')
                i++;
            else
                is_quoted = c != '"';
        } else if (c == '"') {
            is_quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > MOST_NESTING)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

static void clear(struct queue *queue)
{
    queue->length = queue->at = 0;
    queue->values = 0;
}

static void put(struct queue *queue, const char *text, size_t length, bool is_own)
{
    uint32_t framed = (uint32_t)length;
    size_t needed = queue->length + sizeof framed + length + 1;
    if (needed > queue->capacity) {
        size_t larger = queue->capacity * 2 > needed ? queue->capacity * 2 : needed + 1024;
        char *moved = memory_take(larger);
        if (queue->length)
            memcpy(moved, queue->buffer, queue->length);
        memory_give(queue->buffer);
        queue->buffer = moved;
        queue->capacity = larger;
    }
    char *end = queue->buffer + queue->length;
    memcpy(end, &framed, sizeof framed);
    memcpy(end + sizeof framed, text, length);
    if (is_own)
        mend_surrogates(end + sizeof framed, length);
    queue->length = needed;
    queue->values++;
}

static bool has_more(const struct queue *queue)
{
    return queue->at < queue->length;
}

static char *take(struct queue *queue, uint32_t *length)
{
    char *framed = queue->buffer + queue->at;
    memcpy(length, framed, sizeof *length);
    queue->at += sizeof *length + *length + 1;
    return framed + sizeof *length;
}

bool chain_emits(uint16_t port, const char *text, size_t length, bool is_own)
{
    bool is_passed = port == guest->link;
    bool is_unheard = port < 64 && guest->unheard >> port & 1;
    if ((is_passed || is_unheard) && is_nested_too_deeply(text, length))
        __builtin_trap();
    if (is_passed)
        put(&guests[guest->index + 1].queue, text, length, is_own);
    return chain_is_traced || !(is_passed || is_unheard);
}

void chain_settle(bool failed)
{
    struct symbia_share *share = &status.programs[guest->index];
    share->invocations++;
    if (guest->link != NO_PORT) {
        struct queue *next = &guests[guest->index + 1].queue;
        if (failed)
            clear(next);
        share->passed += next->values;
    }
    if (!failed)
        share->emitted += output_emissions();
}

static void invoke(struct guest *program, char *text, uint32_t length, uint16_t port)
{
    guest = program;
    guest->phase = PHASE_PROCESS;
    if (guest->link != NO_PORT)
        clear(&guests[guest->index + 1].queue);
    chain_invocation = (struct invocation){text, length, port};
    process_message(text, length, port);
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
        while (has_more(queue)) {
            uint32_t length;
            char *text = take(queue, &length);
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
        if (guests[at].link != NO_PORT && has_more(&guests[at + 1].queue))
            at++;
        while (at > first->index && !has_more(&guests[at].queue))
            at--;
        if (at == first->index)
            return true;
        if (is_enough()) {
            hand_over(first->index);
            return false;
        }
        text = take(&guests[at].queue, &length);
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
        clear(queue);
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
    chain_is_traced = batch.traced != 0;
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
