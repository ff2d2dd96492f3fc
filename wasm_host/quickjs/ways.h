#ifndef WAYS_H
#define WAYS_H

#include "guest.h"

/* An output port of a program whose values go to other programs of the chain. */
struct outlet {
    uint16_t port;
    bool is_told;           /* they also leave the chain */
    uint32_t first_way, way_count;
    uint32_t passed;        /* values of the invocation under way */
};

/* One way from an outlet to a program. */
struct way {
    uint16_t program, input;
    uint16_t lane;          /* of what goes here at least */
};

extern struct outlet outlets[SYMBIA_OUTLETS_MOST];
extern struct way *ways;
extern uint32_t outlet_count;
extern uint32_t program_of_rank[SYMBIA_CHAIN_MOST];

void ways_read(JSValueConst document);      /* rank and outlets of the program that is being opened, from its document */
void ways_begin(uint32_t rank);             /* the same in steps: its rank, */
void ways_outlet(uint16_t port, bool is_told, uint32_t count);      /* an outlet with so many ways, */
void ways_way(uint32_t at, struct way way); /* and each of these */

static inline struct outlet *outlet_of(uint16_t port)
{
    struct outlet *outlet = outlets + guest->first_outlet;
    for (uint32_t left = guest->outlet_count; left; left--, outlet++)
        if (outlet->port == port)
            return outlet;
    return NULL;
}

#endif
