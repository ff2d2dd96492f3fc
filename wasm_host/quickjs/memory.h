#ifndef MEMORY_H
#define MEMORY_H

#include "guest.h"

extern const JSMallocFunctions memory_functions;
size_t memory_held(const void *pointer);
void *memory_take(size_t size);              /* traps when there is none: for what the guest cannot do without */
void *memory_offer(size_t size);             /* NULL when there is none */
void memory_give(void *pointer);

#endif
