/* What there is one of: the programs, the one that runs, the host's input, the status block. */
#include "guest.h"

struct guest guests[SYMBIA_CHAIN_MOST];
struct guest *guest = guests;
uint32_t guest_count;
char *input;
struct symbia_status status;
volatile uint32_t is_awaited;
