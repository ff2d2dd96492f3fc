/* Between the programs of a chain: values that one passes on, until the next one takes them. */
#include "link.h"

#include <string.h>

#include "memory.h"
#include "values.h"

/* Deeper values than come are for the host to judge, which bounds them too. */

bool chain_is_under_way, chain_is_traced, chain_tells_outputs;
struct invocation chain_invocation;

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
        mend_utf8(end + sizeof framed, length);
    queue->length = needed;
    queue->values++;
}

/* What a program writes is nested as deeply as the writer says, where no text is in it that came; what is such a text
 * and nothing else was judged before it came. */
static bool is_too_deep(const struct written *written)
{
    if (written->owner || written->nesting == UINT32_MAX)
        return is_nested_too_deeply(written->text, written->length);
    return written->nesting > JSON_MOST_THAT_COMES;
}

bool chain_emits(uint16_t port, const struct written *written)
{
    bool is_passed = port == guest->link;
    bool is_unheard = port < 64 && guest->unheard >> port & 1;
    if ((is_passed || is_unheard) && is_too_deep(written))
        __builtin_trap();
    if (is_passed)
        put(&guests[guest->index + 1].queue, written->text, written->length, written->owner != NULL);
    return chain_is_traced || !(is_passed || (is_unheard && !chain_tells_outputs));
}

void chain_settle(bool failed, uint32_t emitted)
{
    struct symbia_share *share = &status.programs[guest->index];
    share->invocations++;
    if (guest->link != NO_PORT) {
        struct queue *next = &guests[guest->index + 1].queue;
        if (failed)
            queue_clear(next);
        share->passed += next->values;
    }
    if (!failed)
        share->emitted += emitted;
}
