#ifndef LINK_H
#define LINK_H

#include <string.h>

#include "guest.h"
#include "values.h"

struct invocation {
    const char *text;        /* the value that came in, as it came */
    size_t length;
    uint16_t port;
    uint16_t lane;
    uint32_t came;           /* its place in the host's batch, counted from 1; 0 where a program wrote it */
};

/* What stands in a queue before a value's text, or instead of it, where that is a message that was handed on: it stays
 * where it is until nothing waits behind the program that handed it on. */
struct frame {
    uint32_t length;
    uint16_t way;
    uint16_t lane;
    uint32_t came;
    const char *text;
};
extern bool chain_is_under_way;                         /* this call passes values on */
extern bool chain_tells_outputs;                        /* also those that no edge leaves */
extern bool chain_is_traced;                            /* and tells the host of each of them too */
extern struct invocation chain_invocation;
extern uint32_t chain_waiting;                          /* a bit for each program whose queue has something, by rank */

bool chain_emits(uint16_t port, const struct written *written);     /* whether the host must hear of it */
void chain_settle(bool failed, uint32_t emitted);       /* an invocation ended: what it passed on stands, or is gone */
char *chain_take(uint32_t program, struct frame *frame);    /* the value that has waited longest before a program */
void chain_clear(uint32_t program);                     /* drops what waits before it */

static inline uint8_t chain_flags(void)
{
    return (uint8_t)(guest->index * SYMBIA_OF_PROGRAM | (chain_invocation.lane ? SYMBIA_APOCRYPHAL : 0));
}

#endif
