/* Programs of a chain that are none: what comes by an input leaves by an output as it came, named and not copied.
 *
 * They have no JavaScript, no state, no limits and no errors, and so nothing of a transaction but its record.
 */
#include "relay.h"

#include <string.h>

#include "link.h"
#include "memory.h"
#include "output.h"
#include "ways.h"

static const char *next;     /* of the numbers in the input */

static uint16_t number(void)
{
    uint16_t number;
    memcpy(&number, next, sizeof number);
    next += sizeof number;
    return number;
}

int32_t __attribute__((export_name("symbia_relay"))) symbia_relay(uint32_t length)
{
    struct symbia_relay opening;
    (void)length;
    if (guest_count == SYMBIA_CHAIN_MOST)
        __builtin_trap();
    guest = &guests[guest_count];
    guest->index = guest_count++;
    memcpy(&opening, input, sizeof opening);
    next = input + sizeof opening;
    guest->unheard = opening.unheard;
    guest->relayed = memory_take(opening.inputs * sizeof *guest->relayed);
    guest->relayed_count = opening.inputs;
    for (uint32_t i = 0; i < opening.inputs; i++)
        guest->relayed[i] = number();
    ways_begin(opening.rank);
    for (uint32_t i = 0; i < opening.outlets; i++) {
        uint16_t port = number(), is_told = number(), count = number();
        ways_outlet(port, is_told != 0, count);
        for (uint32_t at = 0; at < count; at++) {
            struct way way;
            way.program = number();
            way.input = number();
            way.lane = number();
            ways_way(at, way);
        }
    }
    return 0;
}

void relay_message(uint16_t port)
{
    if (port >= guest->relayed_count)
        __builtin_trap();
    output_begin_message();
    output_relay(guest->relayed[port]);
    chain_settle(false, output_emissions());
    output_close_message();
}
