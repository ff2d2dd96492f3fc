#ifndef LINK_H
#define LINK_H

#include <string.h>

#include "guest.h"
#include "values.h"

struct invocation {
    const char *text;        /* the value that came in, as it came */
    size_t length;
    uint16_t port;
};
extern bool chain_is_under_way;                         /* this call passes values on */
extern bool chain_tells_outputs;                        /* also those that no edge leaves */
extern bool chain_is_traced;                            /* and tells the host of each of them too */
extern struct invocation chain_invocation;

bool chain_emits(uint16_t port, const struct written *written);     /* whether the host must hear of it */
void chain_settle(bool failed, uint32_t emitted);       /* an invocation ended: what it passed on stands, or is gone */

static inline void queue_clear(struct queue *queue)
{
    queue->length = queue->at = 0;
    queue->values = 0;
}

static inline bool queue_has_more(const struct queue *queue)
{
    return queue->at < queue->length;
}

static inline char *queue_take(struct queue *queue, uint32_t *length)
{
    char *framed = queue->buffer + queue->at;
    memcpy(length, framed, sizeof *length);
    queue->at += sizeof *length + *length + 1;
    return framed + sizeof *length;
}

#endif
