/* Between the programs of a chain: values that one passes on, until the next one takes them. */
#include "link.h"

#include <string.h>

#include "memory.h"
#include "values.h"
#include "ways.h"

/* Deeper values than come, and larger ones than may, are for the host to judge, which bounds them too. */

bool chain_is_under_way, chain_is_traced, chain_tells_outputs;
struct invocation chain_invocation;
uint32_t chain_waiting;

static bool is_nested_too_deeply(const char *text, size_t length)
{
    if (length <= JSON_MOST_THAT_COMES || (text[0] != '[' && text[0] != '{'))
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
            if (++depth > JSON_MOST_THAT_COMES)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

static void put(uint32_t program, struct frame frame, const char *text, bool is_own)
{
    struct queue *queue = &guests[program].queue;
    size_t length = frame.length, needed = queue->length + sizeof frame + (frame.text ? 0 : length + 1);
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
    memcpy(end, &frame, sizeof frame);
    if (!frame.text) {
        memcpy(end + sizeof frame, text, length);
        if (is_own)
            mend_utf8(end + sizeof frame, length);
    }
    queue->length = needed;
    chain_waiting |= 1u << guests[program].rank;
}

char *chain_take(uint32_t program, struct frame *frame)
{
    struct queue *queue = &guests[program].queue;
    char *framed = queue->buffer + queue->at;
    memcpy(frame, framed, sizeof *frame);
    queue->at += sizeof *frame + (frame->text ? 0 : frame->length + 1);
    if (queue->at == queue->length)
        chain_clear(program);   /* its text stays where it is: nothing is put here before this program has run */
    return frame->text ? (char *)frame->text : framed + sizeof *frame;
}

void chain_clear(uint32_t program)
{
    guests[program].queue.length = guests[program].queue.at = 0;
    chain_waiting &= ~(1u << guests[program].rank);
}

/* What a program writes is nested as deeply as the writer says, where no text is in it that came; what is such a text
 * and nothing else was judged before it came. */
static bool is_too_deep(const struct written *written)
{
    if (written->owner || written->nesting == UINT32_MAX)
        return is_nested_too_deeply(written->text, written->length);
    return written->nesting > JSON_MOST_THAT_COMES;
}

static void pass_on(struct outlet *outlet, const struct written *written)
{
    outlet->passed++;
    for (uint32_t at = outlet->first_way, end = at + outlet->way_count; at < end; at++) {
        const struct way *way = &ways[at];
        struct frame frame = {(uint32_t)written->length, (uint16_t)at, chain_invocation.lane | way->lane};
        if (written->came)
            frame.text = written->text, frame.came = chain_invocation.came;
        put(way->program, frame, written->text, written->owner != NULL);
    }
}

bool chain_emits(uint16_t port, const struct written *written)
{
    struct outlet *outlet = outlet_of(port);
    bool is_unheard = port < 64 && guest->unheard >> port & 1;
    if ((outlet || is_unheard) && is_too_deep(written))
        __builtin_trap();
    if (outlet && guest->value_limit && written->length > guest->value_limit)
        __builtin_trap();
    if (outlet)
        pass_on(outlet, written);
    return chain_is_traced || !((is_unheard && !chain_tells_outputs) || (outlet && !outlet->is_told));
}

/* While a program runs, nothing waits before those behind it but what it has just passed on: they came first. */
static void take_back(const struct outlet *outlet)
{
    for (uint32_t at = outlet->first_way, end = at + outlet->way_count; at < end; at++)
        chain_clear(ways[at].program);
}

void chain_settle(bool failed, uint32_t emitted)
{
    uint32_t *share = status.counts + 2 * guest->index, *passed = status.counts + 2 * guest_count;
    share[0]++;
    if (!failed)
        share[1] += emitted;
    for (uint32_t at = guest->first_outlet, end = at + guest->outlet_count; at < end; at++) {
        if (failed)
            take_back(&outlets[at]);
        else
            passed[at] += outlets[at].passed;
        outlets[at].passed = 0;
    }
}
